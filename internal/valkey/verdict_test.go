package valkey

import "testing"

// Whatever a server says of claims, what is made of it is in bounds.
func FuzzVerdict(f *testing.F) {
	f.Add(int64(0), int64(0), int64(0), int64(1764000000), uint8(2))
	f.Add(int64(2), int64(50), int64(61000), int64(1764000000), uint8(2))
	f.Add(int64(-1), int64(-50), int64(-61000), int64(-1), uint8(0))
	f.Fuzz(func(t *testing.T, place, taken, wait, second int64, claims uint8) {
		v, ok := readVerdict([]int64{place, taken, wait, second}, int(claims))
		if ok && (v.Refused < -1 || v.Refused >= int(claims) || v.Taken < 0 || v.Wait < 0 || v.Second <= 0) {
			t.Errorf("%+v", v)
		}
		if _, ok := readVerdict([]int64{place, taken, wait}, int(claims)); ok {
			t.Error("three numbers are a verdict")
		}
	})
}
