package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"regexp"

	"sigs.k8s.io/yaml"
)

// named is a bundle as it stands in a file, with its account's ID.
type named struct {
	account string
	json    json.RawMessage
}

// maxFile is the most that is read of a file of bundles.
const maxFile = 1 << 30

// readBundles reads a file of bundles: JSON or YAML, each document of it one
// bundle or an array of them. What is in a bundle, the server checks.
func (a *app) readBundles(name string) ([]named, error) {
	in, err := a.open(name)
	if err != nil {
		return nil, err
	}
	defer func() { _ = in.Close() }()
	text, err := io.ReadAll(io.LimitReader(in, maxFile+1))
	if err != nil {
		return nil, err
	}
	if len(text) > maxFile {
		return nil, fmt.Errorf("%s is over 1 GiB: split it, one account in each file", name)
	}
	documents, err := toJSON(name, text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	var bundles []named
	for _, d := range documents {
		found, err := bundlesOf(d)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		bundles = append(bundles, found...)
	}
	if len(bundles) == 0 {
		return nil, fmt.Errorf("%s has no bundle in it", name)
	}
	return bundles, nil
}

// separator is a line between the documents of a YAML file.
var separator = regexp.MustCompile(`(?m)^---(?:[ \t].*)?$`)

// toJSON returns the documents of a file as JSON.
func toJSON(name string, text []byte) ([]json.RawMessage, error) {
	if trimmed := bytes.TrimSpace(text); filepath.Ext(name) == ".json" || (json.Valid(trimmed) && len(trimmed) > 0) {
		return []json.RawMessage{trimmed}, jsonFlaw(trimmed)
	}
	var documents []json.RawMessage
	for n, part := range separator.Split(string(text), -1) {
		d, err := yaml.YAMLToJSONStrict([]byte(part))
		if err != nil {
			return nil, fmt.Errorf("document %d is neither JSON nor YAML: %w", n+1, err)
		}
		if string(d) != "null" { // nothing, or only a comment
			documents = append(documents, d)
		}
	}
	return documents, nil
}

// jsonFlaw says in which line JSON is malformed.
func jsonFlaw(text []byte) error {
	var any json.RawMessage
	err := json.Unmarshal(text, &any)
	var syntax *json.SyntaxError
	if errors.As(err, &syntax) {
		return fmt.Errorf("line %d: not JSON: %w", 1+bytes.Count(text[:syntax.Offset], []byte("\n")), err)
	}
	return err
}

// bundlesOf returns the bundles of a document, which is one or an array.
func bundlesOf(document json.RawMessage) ([]named, error) {
	list := []json.RawMessage{document}
	if document[0] == '[' {
		if err := json.Unmarshal(document, &list); err != nil {
			return nil, err
		}
	}
	bundles := make([]named, len(list))
	for i, text := range list {
		var head struct {
			Account struct {
				ID string `json:"id"`
			} `json:"account"`
		}
		if text[0] != '{' {
			return nil, fmt.Errorf("bundle %d is not an object", i+1)
		}
		if err := json.Unmarshal(text, &head); err != nil {
			return nil, fmt.Errorf("bundle %d: %w", i+1, err)
		}
		if head.Account.ID == "" {
			return nil, fmt.Errorf(`bundle %d does not say which account it is: it needs {"account": {"id": …}}`, i+1)
		}
		bundles[i] = named{head.Account.ID, text}
	}
	return bundles, nil
}
