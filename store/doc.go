// Package store keeps accounts in Redis, or in an embedded stand-in for it:
// every key, every script, commits, the log of changes, and the claims that
// make an identifier belong to one account only.
//
// A write is decided elsewhere, on a snapshot; here it is committed by one
// script, whole or not at all (commit.lua). What one account is made of lives
// in one hash slot, and is read and written atomically. What must be unique
// across accounts cannot: it is claimed in a slot of its own.
//
// # Claims
//
// A locator says which account an identifier belongs to. It is a claim; the
// account's own record is the truth. A claim is held by exactly one commit,
// named by its identity, in this order:
//
//  1. The commit claims the locators of what it creates, and those of the
//     resources that it deletes.
//  2. The script commits, if the claims are not older than their deadline.
//  3. What was created is confirmed; what was deleted is released.
//
// A commit that dies between two steps leaves a claim behind. Whoever meets
// it asks the account that claimed it: a record that is there confirms it. If
// there is none, the claim holds until it is stale, which is well after the
// deadline of its commit, so that no late commit can still be under way. Then
// it is dropped, or taken over.
//
// Within one account nobody waits for that: a commit takes a claim from
// another commit of its account at once, and first revokes that commit, so
// that its script refuses to run. Without this, the release of a resource that
// was deleted could free the identifier under a commit that is just creating
// it again, and two accounts could then hold it.
//
// # Masters and replicas
//
// Only masters are asked. A master may fail before its replicas have what it
// has acknowledged; then the next one's accounts are those of a little before,
// and go on from there. Nothing here prevents that by itself: a revision's
// identity shows it to whoever holds a token. Options.Replicas has each
// pipeline of a commit end in WAIT, on its own connection (replicas.go), and a
// commit that is not replicated in time is reported.
//
// In a cluster a pipeline goes to several nodes at once, so that its commands
// have no order, may fail one by one, and know different scripts; what is done
// in one is the same when it is done twice, or in another order.
package store
