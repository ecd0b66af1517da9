package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/gin-gonic/gin"

	"github.com/tollgate-dev/tollgate/admin"
	"github.com/tollgate-dev/tollgate/api"
)

const benchKey = "tg_operator_for_the_benchmark_only"

// serve is what a child process does: it serves one thing at an address of its
// own, which it prints, until its input ends.
func serve(kind string) error {
	if serverOf := envoyServers[kind]; serverOf != nil {
		return serveEnvoy(serverOf)
	}
	handler, err := map[string]func() (http.Handler, error){
		"gin": bareGin, "tollgate": tollgateHTTP, "tollgate for proxies": tollgateForProxies,
	}[kind]()
	if err != nil {
		return err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	present(l)
	return http.Serve(l, handler)
}

// present says where a child listens, and has it end with its input.
func present(l net.Listener) {
	fmt.Println(l.Addr())
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		os.Exit(0)
	}()
}

// checkIn and checkOut are the JSON of a check, for a Gin that does nothing
// but read and write it.
type checkIn struct {
	Subject    string `json:"subject" binding:"required"`
	Permission string `json:"permission" binding:"required"`
	Resource   string `json:"resource" binding:"required"`
	Account    string `json:"account"`
}

type checkOut struct {
	Allowed bool              `json:"allowed"`
	Reason  map[string]string `json:"reason"`
	Billing struct {
		Status         string `json:"status"`
		BillingAccount string `json:"billing_account,omitempty"`
		Project        string `json:"project,omitempty"`
	} `json:"billing"`
	Path     []string `json:"path"`
	Account  string   `json:"account"`
	Revision string   `json:"revision"`
}

func bareGin() (http.Handler, error) {
	gin.SetMode(gin.ReleaseMode)
	e := gin.New()
	e.POST("/v1/check", func(c *gin.Context) {
		var in checkIn
		if err := c.ShouldBindJSON(&in); err != nil {
			c.Status(http.StatusBadRequest)
			return
		}
		out := checkOut{Allowed: true, Account: accountID, Revision: "AQECAwQFBgEAAAAAAAAAAQ",
			Reason: map[string]string{"code": "ALLOWED", "binding": "bnd_00000000000000000000000000@acc_bench", "subject": in.Subject, "role": "role00", "scope": in.Resource},
			Path:   []string{in.Resource, "project:prj_00", "account:acc_bench"}}
		out.Billing.Status, out.Billing.BillingAccount, out.Billing.Project = "billed", "bil_1", "prj_00"
		c.JSON(http.StatusOK, out)
	})
	e.POST("/v1/authorize", authorizeByGin)
	e.GET("/proxy/nginx", func(c *gin.Context) { c.Status(http.StatusOK) })
	return e, nil
}

func tollgateHTTP() (http.Handler, error) {
	k, err := newKeyed(makeWorld(1))
	if err != nil {
		return nil, err
	}
	return api.New(api.Config{Admin: admin.New(k.engine, nil), OperatorKey: benchKey})
}

// overHTTP measures what a check costs the server, in processor time, beside a
// bare Gin that reads and writes the same JSON.
func overHTTP(out io.Writer) error {
	w := makeWorld(1)
	byHand := makeFloor(w)
	bodies := make([][]byte, 2000)
	want := make([]bool, len(bodies))
	for i := range bodies {
		q := w.queries[i]
		bodies[i], _ = json.Marshal(checkIn{q.subject, q.permission, q.node, accountID})
		want[i] = byHand.check(&q)
	}
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
	if err := tollgate.verify(bodies, want); err != nil {
		return err
	}
	const rounds, times = 9, 20_000
	var floorTimes, times2, ratios []float64
	for range rounds {
		a, err := floor.cost(bodies, times)
		if err != nil {
			return err
		}
		b, err := tollgate.cost(bodies, times)
		if err != nil {
			return err
		}
		floorTimes, times2, ratios = append(floorTimes, a), append(times2, b), append(ratios, a/b)
	}
	for _, s := range [][]float64{floorTimes, times2, ratios} {
		slices.Sort(s)
	}
	fmt.Fprintf(out, "POST /v1/check: processor time of the server a request, %d requests a round on 8 connections, the first %d answers compared\n", times, len(bodies))
	row(out, "bare Gin, the same JSON", floorTimes[rounds/2], "1")
	row(out, "Tollgate", times2[rounds/2], fmt.Sprintf("%.2f× the requests a core of bare Gin (goal ≥ 0.8)", ratios[rounds/2]))
	return nil
}

// child is a server in a process of its own.
type child struct {
	cmd  *exec.Cmd
	in   io.Closer
	addr string
}

func start(kind string) (*child, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	c := &child{cmd: exec.Command(self, "serve", kind)}
	_, stdout, err := c.start()
	if err != nil {
		return nil, err
	}
	line, err := stdout.ReadString('\n')
	c.addr = strings.TrimSpace(line)
	return c, err
}

// start starts the child, which ends with its input.
func (c *child) start() (in io.Writer, out *bufio.Reader, err error) {
	c.cmd.Stderr = os.Stderr
	input, err := c.cmd.StdinPipe()
	if err != nil {
		return nil, nil, err
	}
	output, err := c.cmd.StdoutPipe()
	if err != nil {
		return nil, nil, err
	}
	c.in = input
	return input, bufio.NewReader(output), c.cmd.Start()
}

func (c *child) stop() {
	_ = c.in.Close()
	_ = c.cmd.Wait()
}

// spent is the processor time that the child has used, in nanoseconds.
func (c *child) spent() (total float64, err error) {
	threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", c.cmd.Process.Pid))
	if err == nil && len(threads) == 0 {
		err = errors.New("/proc does not say how much processor time a process has used")
	}
	for _, thread := range threads {
		b, err := os.ReadFile(thread)
		if err != nil {
			return 0, err
		}
		used, _, _ := strings.Cut(string(b), " ")
		nanoseconds, err := strconv.ParseFloat(used, 64)
		if err != nil {
			return 0, fmt.Errorf("%s: %w", thread, err)
		}
		total += nanoseconds
	}
	return total, err
}

// cost sends checks and returns what one cost the child.
func (c *child) cost(bodies [][]byte, times int) (float64, error) {
	return c.costOf(times, func(conn *connection, i int) error {
		_, err := conn.post(bodies[i%len(bodies)])
		return err
	})
}

// costOf is cost of requests of any kind.
func (c *child) costOf(times int, send func(conn *connection, i int) error) (float64, error) {
	before, err := c.spent()
	if err != nil {
		return 0, err
	}
	if err := flood("tcp", c.addr, times, send); err != nil {
		return 0, err
	}
	after, err := c.spent()
	return (after - before) / float64(times), err
}

// flood sends requests on 8 connections.
func flood(network, addr string, times int, send func(conn *connection, i int) error) error {
	var next atomic.Int64
	var wait sync.WaitGroup
	errs := make(chan error, 8)
	for range 8 {
		wait.Go(func() {
			conn, err := dialAt(network, addr)
			if err != nil {
				errs <- err
				return
			}
			defer conn.Close()
			for i := next.Add(1); i <= int64(times); i = next.Add(1) {
				if err := send(conn, int(i)); err != nil {
					errs <- err
					return
				}
			}
		})
	}
	wait.Wait()
	close(errs)
	return <-errs
}

func (c *child) verify(bodies [][]byte, want []bool) error {
	conn, err := dial(c.addr)
	if err != nil {
		return err
	}
	defer conn.Close()
	for i, body := range bodies {
		answer, err := conn.post(body)
		if err != nil {
			return err
		}
		var got checkOut
		if err := json.Unmarshal(answer, &got); err != nil {
			return err
		}
		if got.Allowed != want[i] || got.Billing.BillingAccount != "bil_1" {
			return fmt.Errorf("%s: %s, want %v", body, answer, want[i])
		}
	}
	return nil
}

// connection is a client that costs little beside the server.
type connection struct {
	net.Conn
	key string // that it shows
	in  *bufio.Reader
	out []byte
}

func dial(addr string) (*connection, error) { return dialAt("tcp", addr) }

func dialAt(network, addr string) (*connection, error) {
	c, err := net.Dial(network, addr)
	if err != nil {
		return nil, err
	}
	return &connection{Conn: c, key: benchKey, in: bufio.NewReader(c)}, nil
}

// post asks for a check.
func (c *connection) post(body []byte) ([]byte, error) {
	return c.request(http.MethodPost, "/v1/check", body)
}

func (c *connection) request(method, path string, body []byte) ([]byte, error) {
	c.out = fmt.Appendf(c.out[:0], "%s %s HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", method, path, c.key, len(body), body)
	if _, err := c.Write(c.out); err != nil {
		return nil, err
	}
	r, err := http.ReadResponse(c.in, nil)
	if err != nil {
		return nil, err
	}
	defer r.Body.Close()
	answer, err := io.ReadAll(r.Body)
	if err == nil && r.StatusCode/100 != 2 {
		err = fmt.Errorf("%s %s: %s: %s", method, path, r.Status, answer)
	}
	return answer, err
}
