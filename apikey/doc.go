// Package apikey makes, reads and verifies API keys: secrets by which a program
// says who it is.
//
// The text of a key is
//
//	tg_live_01jd3v8c9r0000000000000000_<secret><checksum>
//	│  │    │                           │       └ 7 characters: CRC-32 of all before
//	│  │    │                           └ 32 characters: 160 random bits
//	│  │    └ 26 characters: the key's ID, as in key:key_01jd3v8c9r…
//	│  └ the environment that it was made for, a word of the platform's own
//	└ fixed, so that scanners of source code find it
//
// The checksum lets whoever has the text tell a typo from a key without asking
// anybody. Nothing but a hash of the text is ever stored.
//
// Package apikey knows no store, no server and no policy.
package apikey
