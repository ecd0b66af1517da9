package main

import "testing"

// What an operator asks of any Go program is among the metrics.
func TestMetricsOfTheProcess(t *testing.T) {
	families, err := (&backend{}).newRegistry(newFront(&listener{})).Gather()
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]bool{}
	for _, f := range families {
		found[f.GetName()] = true
	}
	for _, want := range []string{"go_goroutines", "go_memstats_heap_alloc_bytes", "process_resident_memory_bytes", "process_open_fds", "tollgate_connections"} {
		if !found[want] {
			t.Errorf("%s is not among the metrics", want)
		}
	}
}
