package main

import (
	"fmt"
	"strings"

	"github.com/spf13/pflag"
)

// variable is the name of the environment variable that stands for a flag.
func variable(flag string) string {
	return "TOLLGATE_" + strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))
}

// fromEnvironment sets the flags that were not given from the environment. An
// empty variable is as good as none.
func fromEnvironment(flags *pflag.FlagSet, env func(string) string) (err error) {
	flags.VisitAll(func(f *pflag.Flag) {
		value := env(variable(f.Name))
		if f.Changed || f.Name == "help" || value == "" || err != nil {
			return
		}
		if set := flags.Set(f.Name, value); set != nil {
			err = fmt.Errorf("%s=%q in the environment does not fit --%s, which takes %s", variable(f.Name), value, f.Name, article(f.Value.Type()))
		}
	})
	return err
}

// nameVariables says in each flag's help which variable stands for it.
func nameVariables(flags *pflag.FlagSet) {
	flags.VisitAll(func(f *pflag.Flag) {
		if f.Name != "help" {
			f.Usage += " [$" + variable(f.Name) + "]"
		}
	})
}

func article(typ string) string {
	switch typ {
	case "bool":
		return "true or false"
	case "int", "int64":
		return "a whole number"
	case "float64":
		return "a number"
	case "duration":
		return "a duration such as 1s or 500ms"
	}
	return "a " + typ
}
