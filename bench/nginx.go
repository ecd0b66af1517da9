package main

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/tollgate-dev/tollgate/admin"
	"github.com/tollgate-dev/tollgate/api"
	"github.com/tollgate-dev/tollgate/gateway"
	"github.com/tollgate-dev/tollgate/route"
)

// benchRoutes is a map of routes: what the requests to nginx ask for.
const benchRoutes = `routes:
  - route: GET /v1/projects/{project}/things/{thing}
    permission: %s
    resource: project:{project}
`

// tollgateForProxies is what answers at the socket for proxies.
func tollgateForProxies() (http.Handler, error) {
	doors, _, err := proxyDoors()
	return doors.Socket, err
}

// proxyDoors are what answers proxies, and what decides there.
func proxyDoors() (doors api.Doors, digest string, err error) {
	k, err := newKeyed(makeWorld(1))
	if err != nil {
		return doors, "", err
	}
	routes, err := route.Parse(strings.NewReader(fmt.Sprintf(benchRoutes, k.permission)))
	if err != nil {
		return doors, "", err
	}
	g := gateway.New(k.engine, nil)
	g.SetRoutes(routes)
	doors, err = api.NewDoors(api.Config{Admin: admin.New(k.engine, nil), Gateway: g, OperatorKey: benchKey})
	return doors, k.engine.Digest(), err
}

// nginxMain is nginx's configuration, and nginxServer that of one of its
// servers, whose content costs nginx as little as any.
const (
	nginxMain = `%s
daemon off;
pid nginx.pid;
worker_processes 1;
master_process off;
error_log stderr error;
events {}
http {
    access_log off;
    client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi; uwsgi_temp_path uwsgi; scgi_temp_path scgi;
    keepalive_requests 1000000;
%s%s}
`
	nginxServer = `
    upstream %[1]s { server %[2]s; keepalive 32; keepalive_requests 1000000; }
    server {
        listen unix:%[1]s.sock;
        location / {
            auth_request /authorize;
%[3]s            add_header X-Tollgate-Principal $principal always;
            empty_gif;
        }
        location = /authorize {
            internal;
            proxy_pass http://%[1]s/proxy/nginx;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_pass_request_body off;
            proxy_set_header Content-Length "";
            proxy_set_header X-Original-Method $request_method;
            proxy_set_header X-Original-Host $http_host;
            proxy_set_header X-Original-URI $request_uri;
            proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
        }
    }
`
)

// startNginx starts one nginx with two servers, each of which asks an address.
// It returns the sockets that they listen on.
func startNginx(dir, gin, tollgate string) (nginx *child, stop func(), sockets [2]string, err error) {
	var sets strings.Builder
	for _, name := range gateway.HeaderNames() {
		name = strings.ToLower(strings.ReplaceAll(name, "-", "_"))
		fmt.Fprintf(&sets, "            auth_request_set $%s $upstream_http_%s;\n", strings.TrimPrefix(name, "x_tollgate_"), name)
	}
	user := ""
	if os.Getuid() == 0 {
		user = "user root;"
	}
	config := fmt.Sprintf(nginxMain, user, fmt.Sprintf(nginxServer, "gin", gin, sets.String()), fmt.Sprintf(nginxServer, "tollgate", tollgate, sets.String()))
	if err := os.WriteFile(filepath.Join(dir, "nginx.conf"), []byte(config), 0o600); err != nil {
		return nil, nil, sockets, err
	}
	cmd := exec.Command("nginx", "-p", dir, "-c", "nginx.conf", "-e", "stderr")
	cmd.Dir = dir
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		return nil, nil, sockets, err
	}
	stop = func() {
		_ = cmd.Process.Signal(os.Interrupt)
		_ = cmd.Wait()
	}
	sockets = [2]string{filepath.Join(dir, "gin.sock"), filepath.Join(dir, "tollgate.sock")}
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		conn, err := dialAt("unix", sockets[1])
		if err == nil {
			return &child{cmd: cmd}, stop, sockets, conn.Close()
		}
		if time.Now().After(deadline) {
			stop()
			return nil, nil, sockets, err
		}
	}
}

// behindNginx measures how many requests get through an nginx that asks
// Tollgate about each, beside the same nginx that asks a bare Gin that says 200
// to all. What is measured is all of it: nginx, who is asked, and the clients.
func behindNginx(out io.Writer) error {
	if _, err := exec.LookPath("nginx"); err != nil {
		if os.Getenv("CI") == "true" {
			return err
		}
		fmt.Fprintf(out, "!!! SKIPPED: %v: nothing was measured behind it\n", err)
		return nil
	}
	gin, err := start("gin")
	if err != nil {
		return err
	}
	defer gin.stop()
	tollgate, err := start("tollgate for proxies")
	if err != nil {
		return err
	}
	defer tollgate.stop()
	dir, err := os.MkdirTemp("", "bench")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	nginx, stop, sockets, err := startNginx(dir, gin.addr, tollgate.addr)
	if err != nil {
		return err
	}
	defer stop()
	if err := verifyNginx(sockets[1]); err != nil {
		return err
	}
	const rounds, times = 11, 5_000
	var all [2][]float64
	var ratios, processor []float64
	for range rounds {
		var took, used [2]float64
		for i, asked := range []*child{gin, tollgate} {
			before, began := must(nginx.spent())+must(asked.spent()), time.Now()
			if err := flood("unix", sockets[i], times, throughNginx); err != nil {
				return err
			}
			took[i] = float64(time.Since(began).Nanoseconds()) / times
			used[i] = must(nginx.spent()) + must(asked.spent()) - before
			all[i] = append(all[i], took[i])
		}
		ratios, processor = append(ratios, took[0]/took[1]), append(processor, used[0]/used[1])
	}
	fmt.Fprintf(out, "nginx with auth_request, one worker: time a request, %d requests a round on 8 connections, all with an API key and let by\n", times)
	row(out, "asks a bare Gin: always 200", median(all[0]), "1")
	row(out, "asks Tollgate", median(all[1]), fmt.Sprintf("%.2f× the requests through the same nginx (goal ≥ 0.8), %.2f× to %.2f× in rounds; %.2f× those a core of nginx and who is asked", median(ratios), quantile(ratios, 0), quantile(ratios, 1), median(processor)))
	return nil
}

// throughNginx sends a request that the key may make.
func throughNginx(conn *connection, i int) error {
	conn.key = keyText
	_, err := conn.request(http.MethodGet, fmt.Sprintf("/v1/projects/prj_00/things/%d", i%1000), nil)
	return err
}

// verifyNginx sees that it is Tollgate that decides: what the key may not is
// refused, and a request without a key is.
func verifyNginx(socket string) error {
	conn, err := dialAt("unix", socket)
	if err != nil {
		return err
	}
	defer conn.Close()
	if err := throughNginx(conn, 1); err != nil {
		return err
	}
	for path, key := range map[string]string{
		"/v1/projects/prj_01/things/1": keyText, "/v1/other": keyText, "/v1/projects/prj_00/things/1": keyText + "x",
	} {
		conn.key = key
		if _, err := conn.request(http.MethodGet, path, nil); err == nil {
			return fmt.Errorf("nginx lets %s by", path)
		}
	}
	return nil
}
