package store

import (
	"sync"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/alicebob/miniredis/v2/server"
)

// gate is an embedded server that can be made to stand still, and that knows
// whether it may have changed.
//
// Each command that may change something passes the gate, one at a time; a
// transaction that may, and a script, pass it as one. While a copy is made,
// nothing passes. What only reads goes by: it does not disturb a copy, and
// does not wait for one. Nothing may block on the server behind the gate (BLPOP
// and its like): it would keep everybody else out.
type gate struct {
	redis  *miniredis.Miniredis
	server *server.Server
	peers  sync.Map // *server.Peer to *peer: all but those that scripts make

	// changed has an item if there were changes since it was last empty.
	changed chan struct{}

	mu      sync.Mutex // held by whoever passes
	changes uint64     // commands so far that may have changed something
	ticked  time.Time  // until when keys have expired
}

// peer is a connection to the server. Only its own goroutine uses it.
type peer struct {
	inside  bool // its command has passed the gate
	multi   bool // it is collecting the commands of a transaction
	writes  bool // of which one may change something
	scripts bool // or is a script
}

func newGate() (*gate, error) {
	m := miniredis.NewMiniRedis()
	first, err := m.Dial() // starts the server without a port
	if err != nil {
		return nil, err
	}
	_ = first.Close()
	g := &gate{redis: m, server: m.Server(), changed: make(chan struct{}, 1), ticked: time.Now()}
	g.server.SetPreHook(g.before)
	return g, nil
}

// before is called before each command. It lets the command pass, by having
// the server dispatch it once more, and says that it is done.
func (g *gate) before(from *server.Peer, command string, args ...string) (done bool) {
	p := g.peer(from)
	if p == nil { // a script calls, and has passed the gate
		if changes(g.server, command) {
			g.note()
		}
		return false
	}
	if p.inside {
		return false
	}
	gate, changing := p.passes(g.server, command)
	if !gate {
		return false
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if changing {
		g.note()
	}
	p.inside = true
	defer func() { p.inside = false }()
	g.server.Dispatch(from, append([]string{command}, args...))
	return true
}

// peer finds the connection of a command, nil for a script's. A script's calls
// come from a peer that has the script's context from the beginning; that of a
// connection has none before its first command.
func (g *gate) peer(from *server.Peer) *peer {
	if p, ok := g.peers.Load(from); ok {
		return p.(*peer)
	}
	if from.Ctx != nil {
		return nil
	}
	p := &peer{}
	g.peers.Store(from, p)
	from.OnDisconnect(func() { g.peers.Delete(from) })
	return p
}

// note says that something may be changed by whoever is inside.
func (g *gate) note() {
	g.changes++
	select {
	case g.changed <- struct{}{}:
	default:
	}
}

// touch says that something outside of the server has changed that is saved
// with it.
func (g *gate) touch() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.note()
}

// count is how many changes there may have been.
func (g *gate) count() uint64 {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.changes
}

// FastForward lets keys expire. That is no change to save: a save has the time
// at which a key ends.
func (g *gate) FastForward(d time.Duration) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.redis.FastForward(d)
	g.ticked = g.ticked.Add(d)
}

// passes says whether a command has to pass the gate, and whether it may then
// change something itself: the commands of a transaction do when it is
// executed, and a script's are seen one by one.
func (p *peer) passes(s *server.Server, command string) (gate, changing bool) {
	switch command {
	case "MULTI":
		p.multi = true
		return false, false
	case "EXEC", "DISCARD":
		gate, changing = p.writes || p.scripts, p.writes && command == "EXEC"
		p.multi, p.writes, p.scripts = false, false, false
		return gate, changing
	case "EVAL", "EVALSHA":
		p.scripts = p.scripts || p.multi
		return true, false
	}
	if !changes(s, command) {
		return false, false
	}
	p.writes = p.writes || p.multi
	return true, !p.multi
}

// harmless are the commands that change no key by themselves, though the
// server does not list them as reading. Any other may change something.
var harmless = map[string]bool{
	"AUTH": true, "CLIENT": true, "ECHO": true, "HELLO": true, "INFO": true, "PING": true, "QUIT": true, "SELECT": true, "TIME": true,
	"EVAL": true, "EVALSHA": true, "SCRIPT": true, "WATCH": true, "UNWATCH": true,
	"PUBLISH": true, "SUBSCRIBE": true, "UNSUBSCRIBE": true, "PSUBSCRIBE": true, "PUNSUBSCRIBE": true,
}

// changes reports whether a command may change a key by itself.
func changes(s *server.Server, command string) bool {
	return !harmless[command] && !s.IsReadOnlyCommand(command)
}
