/*
Package tollgate is a policy and access-control service for products that have
customers, teams, environments and bills. For any resource it answers two
questions in one call: may this subject do this, and which billing account
pays. It keeps the truth in Redis and answers from memory.

# The model

An account is one customer. Everything the customer has stands below it, and
every node but the account has exactly one parent:

	account:acme
	├── billing_account:bil_eu          pays for ──┐
	├── billing_account:bil_us                     │
	└── project:prj_shop  ◄────────────────────────┘  (a link, with a history)
	    ├── number:+4670…                              a product's resource
	    └── subproject:sub_client-7                    has its own access, never its own bill
	        └── number:+4671…

# Glossary

  - subject: who acts, a user or a service.
  - key: an API key, a subject with bindings of its own; its sponsor's rights bound
    its own.
  - caller: who holds the credential that asks us.
  - permission: what may be done, "type.action", such as number.update.
  - role: a named set of permissions or patterns of them, such as *.read.
  - binding: a role for a subject or a group on a scope; it allows or denies,
    always or in a time window.
  - scope: the node where a binding holds, and below which it holds too.
  - path: a resource and its ancestors, nearest first.
  - decision: whether the bindings on the path allow a permission. Deny wins, at
    every level together.
  - billing owner: the billing account that pays: the one that the path's
    project is linked to.
  - revision: one state of one account; every answer carries the one that it was
    made from.

# Three requests

Ann has the role editor on project:prj_shop, directly. She asks for
number.update on number:+4670…. The path is the number, the project, the
account; her binding is on it, editor holds *.update, nothing denies: allowed,
by that binding. The project is linked to bil_eu, so bil_eu pays.

Ben is in the group support, which has the role viewer on
subproject:sub_client-7. He asks for number.read on number:+4671…: allowed,
through the group. A subproject never pays; its project does: bil_eu.

Cleo has the role billing-viewer on account:acme. She asks for
billing_account.inspect on billing_account:bil_us: allowed, inherited from the
account. A billing account pays for itself.

# The way of a request

 1. api authenticates the caller, and decodes the request.
 2. authz finds the account's snapshot, which is compared with Redis if its last
    comparison is older than the bound, and the resource's path in it.
 3. authz decides: the state of the nodes, then the bindings on the path. It
    reads the payer off the same snapshot.
 4. api encodes the answer; its reason is rendered only now.

A write goes from api to admin, which decides it on a snapshot, and from there
to store, which commits it with one guarded script.

# The house

	cmd/tollgate  flags, wiring, the command line; decides nothing
	api           HTTP: authenticate, decode, encode
	admin         the write side: authorise, decide, commit
	authz         the read side: snapshots, decisions, payers, explanations
	limit         who asks too often is held back
	route         what a request for a path asks for: a map of routes
	policy        permissions, roles, bindings; all that is Casbin's
	billing       billing accounts and links
	hierarchy     nodes, identifiers, errors
	store         Redis: every key and every script
	apikey        API keys: their text, their hashes, their records
	gateway       the answer to a proxy: who, may he, who pays, which headers
	extauthz      gRPC: Envoy's requests read, and answered in its terms
	replica       what servers on one store know of one another: receipts
	sidecar       a replica that may only read, beside an application
	client        the Go client of the HTTP API; below it guards for net/http and Gin, and
	              a sidecar inside the program

Imports only point down. What a rule means stands in model.conf; Tollgate
proves its evaluator against it, through Casbin, each time it starts.
*/
package tollgate

import _ "embed" // for the model

// Model is model.conf: the definition of what a rule means.
//
//go:embed model.conf
var Model string
