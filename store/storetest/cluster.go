package storetest

import (
	"context"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// Nodes are a cluster: three masters, each with one replica.
type Nodes struct {
	URL     string
	Servers []*Server // the masters first, their replicas in the same order
}

const slots = 16384

// Cluster starts a cluster on the loopback interface, as Redis does, and waits
// until every node says that it is complete and the replicas have what their
// masters have. A replica takes over once its master has not answered for two
// seconds.
func Cluster(tb testing.TB) *Nodes {
	tb.Helper()
	const masters = 3
	n := &Nodes{}
	for range 2 * masters {
		n.Servers = append(n.Servers, launch(tb, func(port string) []string {
			return inMemory(tb, "--cluster-enabled", "yes", "--cluster-port", freePort(tb), "--cluster-node-timeout", "2000",
				"--cluster-replica-validity-factor", "0", "--cluster-allow-replica-migration", "no")(port)
		}))
	}
	for i, s := range n.Servers {
		s.Do("cluster", "set-config-epoch", i+1)
		if i < masters {
			s.Do("cluster", "addslotsrange", slots*i/masters, slots*(i+1)/masters-1)
		}
		if i > 0 {
			n.Servers[0].Do("cluster", "meet", host, s.port(), s.configured("cluster-port"))
		}
	}
	n.each(tb, "cluster_known_nodes:6")
	for i, s := range n.Servers[masters:] {
		id := n.Servers[i].Do("cluster", "myid")
		until(tb, func() bool { return s.has("OK", "cluster", "replicate", id) }) // once it knows the master
	}
	inSync(tb, n.Servers[masters:]...)
	n.each(tb, "cluster_state:ok", "cluster_slots_ok:16384", "cluster_size:3")
	for _, s := range n.Servers {
		until(tb, func() bool { return strings.Count(s.Do("cluster", "nodes"), "slave") == masters })
	}
	further := url.Values{}
	for _, s := range n.Servers[1:] {
		further.Add("addr", s.Addr)
	}
	n.URL = "redis+cluster://" + n.Servers[0].Addr + "?" + further.Encode()
	return n
}

// configured is a setting of a server.
func (s *Server) configured(name string) string {
	s.tb.Helper()
	found, err := s.client.ConfigGet(context.Background(), name).Result()
	if err != nil {
		s.tb.Fatal(err)
	}
	return found[name]
}

// each waits until all nodes say all of some lines about the cluster.
func (n *Nodes) each(tb testing.TB, lines ...string) {
	tb.Helper()
	for _, s := range n.Servers {
		until(tb, func() bool {
			info, _ := s.client.ClusterInfo(context.Background()).Result()
			return hasAll(info, lines...)
		})
	}
}

// Of is the master of a key, and its replica. While the two change places, it
// is who was master at first.
func (n *Nodes) Of(key string) (master, replica *Server) {
	n.Servers[0].tb.Helper()
	slot := n.slot(key)
	masters := len(n.Servers) / 2
	for i, s := range n.Servers[:masters] {
		if slot >= slots*(i+1)/masters {
			continue
		}
		other := n.Servers[masters+i]
		if !s.Leads() && other.Leads() { // in this order: the other may have been stopped
			return other, s
		}
		return s, other
	}
	panic("slot " + strconv.Itoa(slot))
}

func (n *Nodes) slot(key string) int {
	n.Servers[0].tb.Helper()
	var err error
	for _, s := range n.Servers {
		var slot int64
		if slot, err = s.client.ClusterKeySlot(context.Background(), key).Result(); err == nil {
			return int(slot)
		}
	}
	n.Servers[0].tb.Fatal(err)
	return 0
}

// Leads reports whether the server takes itself for a master.
func (s *Server) Leads() bool { return s.has("role:master", "info", "replication") }

// FailedOver waits until a replica has taken over from its master, and all
// nodes that are alive say that the cluster is complete.
func (n *Nodes) FailedOver(tb testing.TB, killed, replica *Server) {
	tb.Helper()
	until(tb, replica.Leads)
	for _, s := range n.Servers {
		if s == killed {
			continue
		}
		until(tb, func() bool {
			info, _ := s.client.ClusterInfo(context.Background()).Result()
			return hasAll(info, "cluster_state:ok")
		})
	}
}

// Rejoin starts a node again that was killed, or waits for one that was
// deposed, until it is a replica and is sent all that its master gets.
func (n *Nodes) Rejoin(tb testing.TB, s *Server) {
	tb.Helper()
	if s.dead() {
		s.Restart()
	}
	inSync(tb, s)
	until(tb, func() bool { return slices.ContainsFunc(n.Servers, s.follows) })
}
