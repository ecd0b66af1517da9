// Package billing has billing accounts and the links that say which of them
// pays for which project, now and at any time before (M11–M17).
package billing

import (
	"strings"

	"github.com/tollgate-dev/tollgate/hierarchy"
)

// Mode is how a billing account is settled (M12).
type Mode string

// The modes.
const (
	Prepaid  Mode = "prepaid"  // holds a balance that is topped up
	Postpaid Mode = "postpaid" // is invoiced
)

// Account is a billing account: it collects the charges of the projects that
// are linked to it (M11). Only Mode and Currency are required.
type Account struct {
	hierarchy.Info
	hierarchy.State
	Mode          Mode           `json:"mode"`
	Currency      string         `json:"currency"` // ISO 4217
	Name          string         `json:"name,omitempty"`
	PostalAddress *PostalAddress `json:"postal_address,omitempty"`
	TaxID         string         `json:"tax_id,omitempty"`
	// Linked is set once the account has paid for a project: its currency is
	// fixed from then on (M11).
	Linked bool `json:"linked,omitempty"`
}

// PostalAddress is where invoices go.
type PostalAddress struct {
	Lines      []string `json:"lines,omitempty"`
	PostalCode string   `json:"postal_code,omitempty"`
	City       string   `json:"city,omitempty"`
	Region     string   `json:"region,omitempty"`
	Country    string   `json:"country,omitempty"` // ISO 3166-1 alpha-2
}

// Limits of a billing account's text, in bytes.
const (
	MaxText  = 256
	MaxLines = 8
)

// Check applies the rules of what a billing account may say, or returns a
// *hierarchy.Error of KindInvalid.
func (a *Account) Check() error {
	if a.Mode != Prepaid && a.Mode != Postpaid {
		return hierarchy.Invalid("MODE_INVALID", "mode", "must be prepaid or postpaid")
	}
	if !IsCurrency(a.Currency) {
		return hierarchy.Invalid("CURRENCY_UNKNOWN", "currency", "must be the three capital letters of a current ISO 4217 currency, such as EUR")
	}
	if err := a.Info.Check(); err != nil {
		return err
	}
	if err := hierarchy.CheckText("name", a.Name, MaxText); err != nil {
		return err
	}
	if err := hierarchy.CheckText("tax_id", a.TaxID, MaxText); err != nil {
		return err
	}
	return a.PostalAddress.check()
}

func (p *PostalAddress) check() error {
	if p == nil {
		return nil
	}
	if len(p.Lines) > MaxLines {
		return hierarchy.Invalid("ADDRESS_INVALID", "postal_address.lines", "has %d lines; at most %d are kept", len(p.Lines), MaxLines)
	}
	if p.Country != "" && (len(p.Country) != 2 || strings.Trim(p.Country, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != "") {
		return hierarchy.Invalid("ADDRESS_INVALID", "postal_address.country", "must be the two capital letters of an ISO 3166-1 country")
	}
	for _, text := range append([]string{p.PostalCode, p.City, p.Region}, p.Lines...) {
		if err := hierarchy.CheckText("postal_address", text, MaxText); err != nil {
			return err
		}
	}
	return nil
}

// Link says that a billing account pays for a project. The time since when
// is that of the link's own record.
type Link struct {
	BillingAccount string `json:"billing_account"` // the bare ID
}

// currencies are the active national currencies of ISO 4217 (list one of
// 2026). Funds, metals and test codes bill nobody, and are left out.
const currencies = " AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BHD BIF BMD BND BOB BRL BSD BTN BWP BYN BZD" +
	" CAD CDF CHF CLP CNY COP CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD" +
	" GNF GTQ GYD HKD HNL HTG HUF IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD KZT" +
	" LAK LBP LKR LRD LSL LYD MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR" +
	" NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RON RSD RUB RWF SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP" +
	" STN SVC SYP SZL THB TJS TMT TND TOP TRY TTD TWD TZS UAH UGX USD UYU UZS VED VES VND VUV WST XAF XCD" +
	" XCG XOF XPF YER ZAR ZMW ZWG "

// IsCurrency reports whether code is an active ISO 4217 currency.
func IsCurrency(code string) bool {
	return len(code) == 3 && !strings.Contains(code, " ") && strings.Contains(currencies, " "+code+" ")
}
