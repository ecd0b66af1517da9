// Command guard is a service behind a guard: it answers only those whom Tollgate
// lets by. With a Tollgate that has examples/routes.yaml as its map of routes:
//
//	tollgate serve --routes examples/routes.yaml
//	TOLLGATE_KEY=… go run ./examples/guard
package main

import (
	"encoding/json"
	"log"
	"net/http"
	"os"
	"time"

	"github.com/tollgate-dev/tollgate/client"
	"github.com/tollgate-dev/tollgate/client/httpauth"
)

func main() {
	tollgate, err := client.New("http://127.0.0.1:8080", os.Getenv("TOLLGATE_KEY"))
	if err != nil {
		log.Fatal(err)
	}
	server := &http.Server{Addr: "127.0.0.1:8081", Handler: guarded(tollgate), ReadHeaderTimeout: 10 * time.Second}
	log.Fatal(server.ListenAndServe())
}

// guarded is the service, and the guard before it.
func guarded(tollgate client.Authorizer) http.Handler {
	guard := httpauth.New(tollgate, httpauth.OnUndecided(func(_ *http.Request, err error) { log.Printf("undecided: %v", err) }))
	service := http.NewServeMux()
	service.HandleFunc("GET /v1/projects/{project}/numbers/{number}", number)
	return guard.Handler(service)
}

// number says who asks, and who pays for it.
func number(w http.ResponseWriter, r *http.Request) {
	who, _ := httpauth.From(r.Context()) // nobody comes here but through the guard
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]string{"number": r.PathValue("number"), "for": who.Principal, "paid_by": who.Billing.BillingAccount})
}
