module kfake

go 1.26.0

// kfake: in older ones a second InitProducerId leaves the open transaction of the first in place, and the next commit
// takes along what a killed producer wrote; this is the first version here that ends it.
// franz-go: kfake asks for an older one than it builds with.
require (
	github.com/twmb/franz-go v1.22.3
	github.com/twmb/franz-go/pkg/kfake v0.0.0-20260918054303-01f206a7e32c
)
