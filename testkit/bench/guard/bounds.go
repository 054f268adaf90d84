package guard

// bound is what a path may cost.
type bound struct {
	ratio  float64 // of its CPU time to that of its unit
	allocs float64 // per operation
}

// bounds by the names of the measures.
var bounds = map[string]bound{
	"send":          {ratio: 4.5, allocs: 0.5},
	"pull":          {ratio: 10.5, allocs: 2.7},
	"decode JSON":   {ratio: 9, allocs: 0.01},
	"decode binary": {ratio: 3.1, allocs: 0.01},
	"get":           {ratio: 2.3, allocs: 4.5},
	"dispatch":      {ratio: 3, allocs: 0.01},
}
