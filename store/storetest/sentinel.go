package storetest

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"testing"
)

// masterName is what the Sentinels call their master.
const masterName = "tollgate"

// Watched is a master, two replicas of it, and three Sentinels that watch over
// them.
type Watched struct {
	URL       string
	Servers   []*Server // the master is the first, until it fails
	Sentinels []*Server
}

// Sentinel starts them all on the loopback interface, as Redis does, and waits
// until the replicas have what the master has and the Sentinels know one
// another. They fail over once the master has not answered for two seconds.
func Sentinel(tb testing.TB) *Watched {
	tb.Helper()
	master := launch(tb, inMemory(tb))
	w := &Watched{Servers: []*Server{master}}
	for range 2 {
		w.Servers = append(w.Servers, launch(tb, inMemory(tb, "--replicaof", host, master.port())))
	}
	inSync(tb, w.Servers[1:]...)
	for range 3 {
		w.Sentinels = append(w.Sentinels, launch(tb, func(port string) []string { return []string{sentinelFile(tb, port, master), "--sentinel"} }))
	}
	w.URL = "redis+sentinel://" + w.Sentinels[0].Addr + "?master_name=" + masterName
	for _, s := range w.Sentinels[1:] {
		w.URL += "&addr=" + s.Addr
	}
	w.settled(tb)
	return w
}

// sentinelFile writes what a Sentinel is to do. It is a file, since a Sentinel
// keeps there what it finds out.
func sentinelFile(tb testing.TB, port string, master *Server) string {
	tb.Helper()
	file := filepath.Join(tb.TempDir(), "sentinel.conf")
	text := fmt.Sprintf(`bind %[1]s
port %[2]s
dir %[3]s
sentinel monitor %[4]s %[1]s %[5]s 2
sentinel down-after-milliseconds %[4]s 2000
sentinel failover-timeout %[4]s 6000
sentinel parallel-syncs %[4]s 2
`, host, port, filepath.Dir(file), masterName, master.port())
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		tb.Fatal(err)
	}
	return file
}

// settled waits until every Sentinel knows the two others and both replicas.
func (w *Watched) settled(tb testing.TB) {
	tb.Helper()
	for _, s := range w.Sentinels {
		until(tb, func() bool {
			known, err := s.client.Do(context.Background(), "sentinel", "master", masterName).Slice()
			return err == nil && after(known, "num-slaves") == "2" && after(known, "num-other-sentinels") == "2"
		})
	}
}

// after is the text that follows another in a list.
func after(list []any, name string) string {
	for i := 0; i+1 < len(list); i += 2 {
		if list[i] == name {
			text, _ := list[i+1].(string)
			return text
		}
	}
	return ""
}

// Master is the server that the Sentinels now name, and Replicas the others.
func (w *Watched) Master() *Server {
	for _, s := range w.Sentinels {
		at, err := s.client.Do(context.Background(), "sentinel", "get-master-addr-by-name", masterName).StringSlice()
		if err != nil || len(at) != 2 {
			continue
		}
		for _, server := range w.Servers {
			if server.Addr == net.JoinHostPort(at[0], at[1]) {
				return server
			}
		}
	}
	return nil
}

// Replicas are the servers that are not the master.
func (w *Watched) Replicas() (replicas []*Server) {
	master := w.Master()
	for _, s := range w.Servers {
		if s != master {
			replicas = append(replicas, s)
		}
	}
	return replicas
}

// FailedOver waits until another server than one that was killed is a master.
func (w *Watched) FailedOver(tb testing.TB, killed *Server) {
	tb.Helper()
	until(tb, func() bool {
		m := w.Master()
		return m != nil && m != killed && m.Leads()
	})
}

// Forget has the Sentinels know no master any more, as those that have lost
// what they had noted, and cuts the clients of the master off.
func (w *Watched) Forget() {
	master := w.Master()
	for _, s := range w.Sentinels {
		s.Do("sentinel", "remove", masterName)
	}
	master.Do("client", "kill", "type", "normal", "skipme", "yes")
}

// Rejoin starts a server again that was killed, as a replica of the master, or
// has one that was deposed be that, and waits until all replicas are sent all
// that the master gets.
func (w *Watched) Rejoin(tb testing.TB, s *Server) {
	tb.Helper()
	if s.dead() {
		s.Restart()
	}
	master := w.Master()
	s.Do("replicaof", host, master.port()) // Sentinels would do it in ten seconds
	for _, replica := range w.Replicas() {
		inSync(tb, replica)
		until(tb, func() bool { return replica.follows(master) })
	}
}
