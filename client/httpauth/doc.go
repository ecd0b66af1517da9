// Package httpauth guards a net/http server: a request comes to the handler only
// if Tollgate lets it by.
//
//	guard := httpauth.New(tollgate) // a *client.Client, or another client.Authorizer
//	http.ListenAndServe(addr, guard.Handler(mux))
//
// The guard takes the API key from Authorization: Bearer or X-API-Key, and asks
// what a proxy asks: method, host and path, as they arrived, which a map of routes
// reads. It refuses as a proxy would, with the same statuses, headers and body.
// Who asks, where, and who pays is in the request's context: see From.
//
// # What fails closed
//
// Permission does, always. Without a verdict that says in each of its parts that
// the request is allowed, the handler is not called: an unreachable Tollgate, an
// answer that is not understood and a time that is over are all 503.
//
// # What may fail open
//
// Billing, if RequireBilling and BillingFailsOpen say so, and only while its
// state cannot be had. Tollgate reads permission and payer off one state of the
// account, so that it never knows one without the other; but while its store
// is away it may answer from memory that is out of its bound, marked as stale
// (tollgate serve --redis-away-window). A stale denial with the code UNBILLED or
// BILLING_SUSPENDED says that the permission is there, and that nobody paid when
// the state was last read, which may have been put right since. That denial is
// let by, and counted. One that is not stale is a denial: the state is known.
package httpauth
