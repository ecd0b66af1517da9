package store

import (
	"testing"

	"github.com/tollgate-dev/tollgate/store/storetest"
)

// contract is what every store MUST do, whatever it runs on.
var contract = []struct {
	name string
	test func(t *testing.T, open opener)
}{
	{"Load", testLoad},
	{"Read", testRead},
	{"Heads", testHeads},
	{"Records", testRecords},
	{"Resources", testResources},
	{"Large", testLarge},
	{"Guards", testGuards},
	{"Corrupt", testCorrupt},
	{"Times", testTimes},
	{"Chain", testChain},
	{"Gap", testGap},
	{"Trim", testTrim},
	{"History", testHistory},
	{"Past", testPast},
	{"Repeat", testRepeat},
	{"Claims", testClaims},
	{"Repair", testRepair},
	{"Swap", testSwap},
	{"Revoked", testRevoked},
	{"Recreate", testRecreate},
	{"Interrupted", testInterrupted},
	{"LostReplies", testLostReplies},
	{"Writers", testWriters},
	{"SameResource", testSameResource},
	{"DeleteRace", testDeleteRace},
	{"Braces", testBraces},
	{"Once", testOnce},
	{"Made", testMade},
	{"Used", testUsed},
	{"Feed", testFeed},
	{"Roster", testRoster},
	{"Due", testDue},
	{"Lease", testLease},
	{"Unavailable", testUnavailable},
}

func runContract(t *testing.T, open opener) {
	t.Helper()
	for _, c := range contract {
		t.Run(c.name, func(t *testing.T) { c.test(t, open) })
	}
}

func TestEmbedded(t *testing.T) { runContract(t, openEmbedded) }

func TestRedis(t *testing.T) { runContract(t, openAt(storetest.Redis(t))) }

func TestSentinel(t *testing.T) { runContract(t, openAt(storetest.Sentinel(t).URL)) }

// TestCluster shows that no script and no transaction spans slots, and that
// pipelines may span nodes.
func TestCluster(t *testing.T) { runContract(t, openAt(storetest.Cluster(t).URL)) }
