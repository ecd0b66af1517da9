/*
Package authz answers: may this subject do this, who pays, and why.

  - A Snapshot is one account as of one revision: the nodes above product
    resources, who is bound to what, who is in which group, what each role
    holds, who pays. It is immutable; Apply leads from one to the next.
  - A path is what is asked about: the resource and its ancestors, nearest
    first. Product resources are too many to be in snapshots; where they stand
    is read from the store and remembered.
  - A question is decided on one path of one snapshot at one instant; the
    payer is read off the same path.
  - An Engine keeps the snapshots of all accounts, and compares one with the
    store before it answers from it if the last comparison is out of bound.
  - A Source is where snapshots come from: package store.

Three questions, each allowed by another route; say that ann, ben and cleo ask
for number.read on number:1, in subproject:s, in project:p, in account:a:

	binding                                 route
	user:ann    viewer  on subproject:s     direct
	group:ops   viewer  on subproject:s     ben is in group:ops
	user:cleo   owner   on account:a        inherited from the account

The flow of a check:

 1. read (check.go): the subject is a user or a service, the permission names
    one thing. Nothing is looked up yet.
 2. home (find.go): the account is named, or is remembered for the resource, or
    the store is asked for it.
 3. atLeast (check.go): the account's snapshot, inside the bound and not older
    than the revision that the caller has seen.
 4. find (find.go): the resource's path. A product resource whose place is not
    remembered is read in one conversation with the account's head, so that
    place and snapshot are of one revision (resident.go).
 5. decide (check.go): the state of the nodes, then decide (decide.go), which is
    the whole rule, then the payer.

What memory holds is bounded. Snapshots take no more than they may, by their
own estimate (bytes.go): beyond that the accounts not asked about are dropped,
and are cold again (residents.go). What is removed from an account leaves rows
behind; once they are the greater part it is loaded anew, beside the checks
(renew in resident.go). Places and hints are of fixed number. What is asked
about and not known is not remembered.

Whatever cannot be decided is denied: an error is to be taken as a denial, and
the zero Answer is one.
*/
package authz
