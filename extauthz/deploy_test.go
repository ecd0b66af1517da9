package extauthz

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	bootstrapv3 "github.com/envoyproxy/go-control-plane/envoy/config/bootstrap/v3"
	_ "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/ext_authz/v3" // which the files configure
	_ "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/router/v3"
	_ "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	_ "github.com/envoyproxy/go-control-plane/envoy/extensions/upstreams/http/v3"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/anypb"
	"sigs.k8s.io/yaml"
)

// The files of deploy/envoy are configurations to Envoy's own types and their
// rules, and do not let by when Tollgate does not answer.
func TestDeployed(t *testing.T) {
	files, err := filepath.Glob("../deploy/envoy/*.yaml")
	if err != nil || len(files) != 2 {
		t.Fatal(files, err)
	}
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if err := configures(string(text)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		for what, change := range map[string][2]string{
			"a field that there is not": {"failure_mode_allow:", "failure_mode:"},
			"a value that is none":      {"STATIC", "STATICAL"},
			"a cluster without a name":  {"- name: service", `- name: ""`},
		} {
			broken := strings.ReplaceAll(string(text), change[0], change[1])
			if broken == string(text) || configures(broken) == nil {
				t.Errorf("%s: %s is not noticed", name, what)
			}
		}
		if !strings.Contains(string(text), "failure_mode_allow: false") {
			t.Errorf("%s does not say that nobody is let by without an answer", name)
		}
	}
}

// configures reads a configuration, and all that is packed into it.
func configures(text string) error {
	encoded, err := yaml.YAMLToJSON([]byte(text))
	if err != nil {
		return err
	}
	var b bootstrapv3.Bootstrap
	if err := protojson.Unmarshal(encoded, &b); err != nil {
		return err
	}
	return validate(&b)
}

// validate holds a message, and whatever is in it, to the rules of its type.
func validate(m proto.Message) error {
	if packed, ok := m.(*anypb.Any); ok {
		inner, err := packed.UnmarshalNew()
		if err != nil {
			return err
		}
		return validate(inner)
	}
	if ruled, ok := m.(interface{ ValidateAll() error }); ok {
		if err := ruled.ValidateAll(); err != nil {
			return err
		}
	}
	var failed error
	m.ProtoReflect().Range(func(f protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		each(f, v, func(inner proto.Message) {
			if err := validate(inner); failed == nil {
				failed = err
			}
		})
		return failed == nil
	})
	return failed
}

// each does something with every message of a field.
func each(f protoreflect.FieldDescriptor, v protoreflect.Value, do func(proto.Message)) {
	switch {
	case f.IsMap() && f.MapValue().Message() != nil:
		v.Map().Range(func(_ protoreflect.MapKey, v protoreflect.Value) bool {
			do(v.Message().Interface())
			return true
		})
	case f.IsMap() || f.Message() == nil:
	case f.IsList():
		for i := range v.List().Len() {
			do(v.List().Get(i).Message().Interface())
		}
	default:
		do(v.Message().Interface())
	}
}
