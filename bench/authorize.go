package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"

	"github.com/gin-gonic/gin"
)

// authorizeIn and authorizeOut are the JSON of what a gateway asks, for a Gin
// that does nothing but read and write it.
type authorizeIn struct {
	APIKey     string `json:"api_key" binding:"required"`
	Permission string `json:"permission" binding:"required"`
	Resource   string `json:"resource" binding:"required"`
	SourceIP   string `json:"source_ip"`
}

type authorizeOut struct {
	checkOut
	Status     int               `json:"status"`
	Principal  string            `json:"principal"`
	Sponsor    string            `json:"sponsor,omitempty"`
	Project    string            `json:"project"`
	Subproject string            `json:"subproject,omitempty"`
	Headers    map[string]string `json:"headers"`
}

// answeredByGin is what authorizeByGin answers: Tollgate's answer to an allowed
// question.
var answeredByGin = authorizeOut{
	checkOut: checkOut{
		Allowed: true, Account: accountID, Revision: "AQECAwQFBgEAAAAAAAAAAQ",
		Reason: map[string]string{"code": "ALLOWED", "binding": "bnd_00000000000000000000000000@acc_bench", "subject": keySubject, "role": "role00", "scope": "project:prj_00"},
	},
	Status: http.StatusOK, Principal: keySubject, Sponsor: "user:sponsor", Project: "prj_00", Subproject: "sub_00",
	Headers: map[string]string{
		"X-Tollgate-Decision": "allowed", "X-Tollgate-Reason": "ALLOWED", "X-Tollgate-Principal": keySubject,
		"X-Tollgate-Account": accountID, "X-Tollgate-Project": "prj_00", "X-Tollgate-Subproject": "sub_00",
		"X-Tollgate-Billing-Account": "bil_1", "X-Tollgate-Billing-Status": "billed", "X-Tollgate-Revision": "AQECAwQFBgEAAAAAAAAAAQ",
	},
}

func authorizeByGin(c *gin.Context) {
	var in authorizeIn
	if err := c.ShouldBindJSON(&in); err != nil {
		c.Status(http.StatusBadRequest)
		return
	}
	out := answeredByGin
	out.Path = []string{in.Resource, "project:prj_00", "account:acc_bench"}
	out.Billing.Status, out.Billing.BillingAccount, out.Billing.Project = "billed", "bil_1", "prj_00"
	c.JSON(http.StatusOK, out)
}

// asked is what gateways ask about the key, in the subprojects of its project
// and one beside it, and whether it may.
type asked struct {
	bodies [][]byte
	want   []bool
}

func makeAsked(w *world) (a asked) {
	held := w.roles["role00"]
	for s := range subprojects {
		node := fmt.Sprintf("subproject:sub_%02d", s)
		if s%projects > 1 {
			continue
		}
		for i := range 60 {
			in := authorizeIn{keyText, held[i%len(held)], node, "192.0.2.7"}
			if i >= permsOfRole {
				in.Permission = permission(i)
			}
			body, _ := json.Marshal(in)
			a.bodies = append(a.bodies, body)
			a.want = append(a.want, w.nodes[node] == "project:prj_00" && slices.Contains(held, in.Permission))
		}
	}
	return a
}

// answerOf is the answer to the first question, which allows.
func (a *asked) answerOf(c *child) ([]byte, error) {
	conn, err := dial(c.addr)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	return conn.request(http.MethodPost, "/v1/authorize", a.bodies[0])
}

// verify compares all answers.
func (a *asked) verify(c *child) error {
	conn, err := dial(c.addr)
	if err != nil {
		return err
	}
	defer conn.Close()
	for i, body := range a.bodies {
		answer, err := conn.request(http.MethodPost, "/v1/authorize", body)
		if err != nil {
			return err
		}
		var got authorizeOut
		if err := json.Unmarshal(answer, &got); err != nil {
			return err
		}
		if got.Allowed != a.want[i] || got.Allowed != (got.Headers["X-Tollgate-Decision"] == "allowed") || got.Principal != keySubject || got.Billing.BillingAccount != "bil_1" {
			return fmt.Errorf("%s: %s, want %v", bytes.ReplaceAll(body, []byte(keyText), nil), answer, a.want[i])
		}
	}
	return nil
}

// authorizing measures what it costs the server, in processor time, to answer a
// gateway that has a key in its hands, beside a bare Gin that reads and writes
// the same JSON.
func authorizing(out io.Writer) error {
	a := makeAsked(makeWorld(1))
	floor, err := start("gin")
	if err != nil {
		return err
	}
	defer floor.stop()
	tollgate, err := start("tollgate")
	if err != nil {
		return err
	}
	defer tollgate.stop()
	if err := a.verify(tollgate); err != nil {
		return err
	}
	answer, err := a.answerOf(tollgate)
	if err != nil {
		return err
	}
	sameSize, err := a.answerOf(floor)
	if err != nil {
		return err
	}
	const rounds, times = 9, 15_000
	ask := func(conn *connection, i int) error {
		_, err := conn.request(http.MethodPost, "/v1/authorize", a.bodies[i%len(a.bodies)])
		return err
	}
	var floors, costs, ratios []float64
	for range rounds {
		one, err := floor.costOf(times, ask)
		if err != nil {
			return err
		}
		other, err := tollgate.costOf(times, ask)
		if err != nil {
			return err
		}
		floors, costs, ratios = append(floors, one), append(costs, other), append(ratios, one/other)
	}
	fmt.Fprintf(out, "POST /v1/authorize, with an API key: processor time of the server a request, %d requests a round, %d answers compared; one that allows has %d bytes, and bare Gin's %d\n", times, len(a.bodies), len(answer), len(sameSize))
	row(out, "bare Gin, the same JSON", median(floors), "1")
	row(out, "Tollgate", median(costs), fmt.Sprintf("%.2f× the requests a core of bare Gin (goal ≥ 0.75)", median(ratios)))
	return nil
}

// keySubject is the key of keyText.
var keySubject = "key:key_" + strings.Split(keyText, "_")[2]
