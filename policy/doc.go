// Package policy says who may do what: permissions, roles, groups and
// bindings, and what they come to. It knows no store and no server, and does
// not climb the hierarchy itself: package authz walks, this package has the
// rule.
//
//   - A permission is one thing that may be done, "type.action", split at its
//     last dot: number.update is the action update on the type number, and
//     compute.instances.get the action get on compute.instances. The type need
//     not be that of the node asked about: number.create is asked on a project.
//   - A pattern is a permission in a role. Each half is exact or "*", nothing
//     between: number.*, *.read, *.*. A request names one permission, never a
//     pattern.
//   - A role is a named set of patterns, and says no more than that. Every
//     account has the Predefined roles, and may define its own.
//   - A group is a named set of subjects: users, services, and other groups, at
//     most MaxGroupNesting inside one another. A group never acts itself.
//   - A binding gives a subject a role on a scope, a node of the account. It
//     holds there and on everything below, never above or beside (M19). Its
//     effect is allow or deny.
//   - Deny wins: a permission that one binding denies, on any level of the path
//     from the node to the account, is denied whatever else allows it.
//   - A window is when a binding holds: from not_before until, and not
//     including, expires_at.
//
// Three requests, each allowed another way, in an account that binds role
// editor to user:ann on project:web, role viewer to group:staff on the
// account, and has user:bob in group:ops and group:ops in group:staff:
//
//	may user:ann number.update on project:web?      yes: her own binding, there
//	may user:ann number.update on number:7 of web?  yes: the same binding, inherited from the project
//	may user:bob number.read on number:7 of web?    yes: through ops and staff, inherited from the account
//
// Add a binding that denies editor to user:ann on the account, and both of the
// first two become no.
//
// # Casbin's part
//
// Casbin is the definition and the judge, and not the inner loop: it scans
// every rule for each question, which is thousands of times too slow. The file
// model.conf, a Casbin model, says what a rule means. From an account, Derive
// makes the rules for that model, and Print writes them so that a stock Casbin
// without a line of ours answers as Tollgate does.
//
//  1. At start NewJudge reads model.conf. It recognises the model condition by
//     condition, and then proves the evaluator, Meaning and Compiled, equal to
//     Casbin's own answers on every case that the two can differ in. What it
//     cannot recognise or prove, it refuses, and the service does not start.
//  2. A check asks Meaning.Compile's roles with Holds for each binding on the
//     path, and Meaning.Decide what the findings come to.
//  3. To explain, Judge.Decide derives the rules that can matter and has Casbin
//     decide anew. A Shadow does the same to a share of live checks, in the
//     background, and counts the mismatches, of which there must be none.
//
// Windows are resolved when rules are derived, so that rules are as of an
// instant; ValidUntil says when they change by themselves. The state of nodes,
// suspended or deleted, is not policy: it is applied outside.
//
// Only this package imports Casbin. It uses the plain enforcer, loads it once
// and throws it away: the cached, synchronised, transactional and conditional
// ones, eval, matching functions for domains and changing a loaded policy each
// give a wrong answer or a slow one.
package policy
