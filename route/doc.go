// Package route says what a request for a path asks for: which permission, on
// which resource. It knows no store and no server, and decides nothing: what it
// answers is asked of the policy, and what it cannot answer is denied.
//
//   - A map is a list of routes, a file or the same in JSON, with a digest.
//   - A route is a method and a template of a path, and what they ask for:
//     GET /v1/numbers/{number} is number.read on number:{number}.
//   - A template is made of segments. A literal stands for itself; a placeholder,
//     {number}, for one segment that is not empty; a placeholder with a verb,
//     {number}:cancel, for one that ends so; a wildcard, {path...}, as the last
//     one, for one segment or more.
//   - A target is what a route makes of a request: a permission, a resource, and
//     where it says so the resource's container and account.
//
// # From a request to a target
//
//  1. Normalise reads the path as it arrived, once. What servers read in more
//     than one way it refuses, with a stable reason: it does not guess which of
//     the ways the server behind will take. What it returns is the path to match
//     and to pass on.
//  2. Map.Find takes the most specific route that matches, whatever the order of
//     the map: first by host (exact, then the longest *.suffix, then any), then
//     segment by segment from the left (literal, verb, placeholder, wildcard). A
//     method is matched exactly; HEAD is answered by GET where it has no route of
//     its own. Nothing else is implied, OPTIONS neither.
//  3. The route's templates are filled. A value passes the one rule of
//     identifiers, or the request is refused.
//
// What is percent-encoded is data, never structure: a segment with an escape in
// it is never a literal or a verb, and one that would be if it were decoded is
// refused. Two templates that are alike but for the names of their placeholders
// are refused when the map is loaded, and so is a map in which a request could
// be compared with more than MaxOpen branches at a time: that bounds a match by
// its segments, however many routes there are.
package route
