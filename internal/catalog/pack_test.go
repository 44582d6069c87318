package catalog

import (
	"reflect"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// What was packed is the same catalogue: version, endpoints and all.
func TestPackKeepsAll(t *testing.T) {
	t.Parallel()
	builtin, err := Builtin()
	if err != nil {
		t.Fatal(err)
	}
	var every Data
	n := 0
	fill(reflect.ValueOf(&every).Elem(), &n)
	for name, d := range map[string]Data{"builtin": builtin, "every member": every} {
		packed, err := d.Pack()
		if err != nil {
			t.Fatal(err)
		}
		got, err := Unpack(packed)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(d, got, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
		t.Logf("%s: %d bytes", name, len(packed))
	}
	was, err := New(builtin)
	if err != nil {
		t.Fatal(err)
	}
	packed, err := was.Data().Pack()
	if err != nil {
		t.Fatal(err)
	}
	again, err := Unpack(packed)
	if err != nil {
		t.Fatal(err)
	}
	is, err := New(again)
	if err != nil {
		t.Fatal(err)
	}
	if is.Version() != was.Version() || !cmp.Equal(is.Models(), was.Models(), cmpopts.EquateEmpty()) {
		t.Error("the snapshot of a packed catalogue is another one")
	}
}

// fill gives every member a value of its own, so that one which is not kept shows.
func fill(v reflect.Value, n *int) {
	*n++
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem(), n)
	case reflect.Struct:
		if t, ok := reflect.TypeAssert[*time.Time](v.Addr()); ok {
			*t = time.Unix(int64(*n), 0).UTC()
			return
		}
		for _, member := range v.Fields() {
			fill(member, n)
		}
	case reflect.Array:
		for i := range v.Len() {
			fill(v.Index(i), n)
		}
	case reflect.Slice:
		if v.Type() == reflect.TypeFor[[]Override]() && *n > 10_000 {
			return // a sheet has overrides, which have a sheet
		}
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		if v.Type() == reflect.TypeFor[[]Override]() {
			*n += 10_000
		}
		fill(v.Index(0), n)
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		key, value := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
		fill(key, n)
		fill(value, n)
		v.SetMapIndex(key, value)
	case reflect.String:
		v.SetString("v" + strconv.Itoa(*n))
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int64:
		v.SetInt(int64(*n))
	case reflect.Float64:
		v.SetFloat(float64(*n))
	default:
		panic("a member of a kind that is not known: " + v.Type().String())
	}
}

func FuzzUnpack(f *testing.F) {
	packed, err := Data{Version: "v", Models: []Model{{ID: "x/y", Endpoints: []*Endpoint{{Provider: "p"}}}}}.Pack()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(packed)
	facts := DataPolicy{Region: "eu"}.Assert(Evidence{Source: "s", Checked: time.Unix(0, 0), Expires: time.Unix(1, 0)})
	if packed, err = (Data{Version: "v", Providers: []Provider{{Slug: "p", Policy: facts}}}).Pack(); err != nil {
		f.Fatal(err)
	}
	f.Add(packed)
	f.Fuzz(func(_ *testing.T, packed []byte) {
		if d, err := Unpack(packed); err == nil {
			_, _ = New(d)
		}
	})
}
