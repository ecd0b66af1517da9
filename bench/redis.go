package main

import (
	"bufio"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"slices"
	"strings"

	"github.com/redis/go-redis/v9"

	"github.com/tollgate-dev/tollgate/authz"
	"github.com/tollgate-dev/tollgate/internal/worlds"
	"github.com/tollgate-dev/tollgate/store"
)

// database is a redis-server of the benchmark's own, which keeps nothing on
// disk, a store on it, and a client beside that.
type database struct {
	cmd    *exec.Cmd
	addr   string
	store  *store.Store
	client *redis.Client
}

// errNoRedis says that what needs a Redis was left out.
var errNoRedis = errors.New("SKIPPED: redis-server is not installed")

func startRedis(ctx context.Context) (*database, error) {
	db, err := launchRedis()
	if err != nil {
		return nil, err
	}
	db.store, err = store.Open(ctx, db.url(), store.Options{})
	if err != nil {
		db.stop()
		return nil, err
	}
	return db, nil
}

func (db *database) url() string { return "redis://" + db.addr }

// launchRedis starts a redis-server, with further settings, and opens no store
// on it.
func launchRedis(settings ...string) (*database, error) {
	program, err := exec.LookPath("redis-server")
	if err != nil {
		if os.Getenv("CI") == "true" {
			return nil, err
		}
		return nil, errNoRedis
	}
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	arguments := append([]string{"--bind", "127.0.0.1", "--port", port, "--save", "", "--appendonly", "no", "--dir", os.TempDir()}, settings...)
	db := &database{addr: net.JoinHostPort("127.0.0.1", port), cmd: exec.Command(program, arguments...)}
	log, err := db.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := db.cmd.Start(); err != nil {
		return nil, err
	}
	lines := bufio.NewScanner(log)
	for lines.Scan() && !strings.Contains(lines.Text(), "Ready to accept connections") {
	}
	go func() { _, _ = io.Copy(io.Discard, log) }()
	db.client = redis.NewClient(&redis.Options{Addr: db.addr, Protocol: 2})
	return db, nil
}

func freePort() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return port(l.Addr().String()), l.Close()
}

func port(addr string) string {
	_, port, _ := net.SplitHostPort(addr)
	return port
}

func (db *database) stop() {
	if db.store != nil {
		_ = db.store.Close()
	}
	_ = db.client.Close()
	_ = db.cmd.Process.Kill()
	_ = db.cmd.Wait()
}

// fill writes an account, in several commits.
func (db *database) fill(ctx context.Context, l worlds.Large) error {
	first := true
	for records := range slices.Chunk(l.Records(), 2_000) {
		c := &authz.Commit{Account: l.Account(), Identity: identity(), New: first, Actor: "bench", Caller: "bench", Action: "account.import"}
		for _, r := range records {
			c.Edits = append(c.Edits, authz.Edit{Key: r.Key, After: r.Body})
		}
		if _, _, err := db.store.Commit(ctx, c); err != nil {
			return err
		}
		first = false
	}
	return nil
}

func identity() string {
	var b [8]byte
	_, _ = rand.Read(b[:])
	return hex.EncodeToString(b[:])
}

// docs is the key of the hash that has an account's records.
func (db *database) docs(ctx context.Context, account string) (string, error) {
	keys, err := db.client.Keys(ctx, "*"+account+"*:docs").Result()
	if err == nil && len(keys) != 1 {
		err = fmt.Errorf("the records of %s are in %q", account, keys)
	}
	if err != nil {
		return "", err
	}
	return keys[0], nil
}

// onRedis measures what needs a Redis.
func onRedis(out io.Writer) error {
	ctx := context.Background()
	db, err := startRedis(ctx)
	if errors.Is(err, errNoRedis) {
		fmt.Fprintf(out, "on a Redis: %v\n", err)
		return nil
	}
	if err != nil {
		return err
	}
	defer db.stop()
	if err := cold(ctx, out, db); err != nil {
		return err
	}
	return opening(ctx, out, db)
}
