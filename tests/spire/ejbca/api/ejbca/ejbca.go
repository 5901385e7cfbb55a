// Package ejbca has the names by which SPIRE talks to an EJBCA server, and talks to none.
//
// SPIRE links every authority that it could stand under, and the client of this one is not to be had. It is never configured here; where it
// is, the server says so at its start.
package ejbca

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net/http"
)

// ErrNotBuiltIn is what a server gets that is to stand under an EJBCA.
var ErrNotBuiltIn = errors.New("this SPIRE was built without its EJBCA client")

type (
	// Authenticator is how one logs in.
	Authenticator interface{ authenticates() }

	// MTLSAuthenticatorBuilder builds none.
	MTLSAuthenticatorBuilder struct{}

	// Configuration is where the server is.
	Configuration struct{ Host string }

	// APIClient is never made.
	APIClient struct{ V1CertificateApi *V1CertificateApiService }

	// V1CertificateApiService asks for certificates.
	V1CertificateApiService struct{}

	// ApiEnrollPkcs10CertificateRequest is one question.
	ApiEnrollPkcs10CertificateRequest struct{}

	// EnrollCertificateRestRequest is what the question is about.
	EnrollCertificateRestRequest struct{}

	// CertificateRestResponse is an answer that never comes.
	CertificateRestResponse struct{ CertificateChain []string }

	// GenericOpenAPIError is an error that never comes.
	GenericOpenAPIError struct{ error }
)

func NewMTLSAuthenticatorBuilder() MTLSAuthenticatorBuilder { return MTLSAuthenticatorBuilder{} }

func (b MTLSAuthenticatorBuilder) WithClientCertificate(*tls.Certificate) MTLSAuthenticatorBuilder {
	return b
}

func (b MTLSAuthenticatorBuilder) WithCaCertificates([]*x509.Certificate) MTLSAuthenticatorBuilder {
	return b
}

func (MTLSAuthenticatorBuilder) Build() (Authenticator, error) { return nil, ErrNotBuiltIn }

func NewConfiguration() *Configuration { return new(Configuration) }

func (*Configuration) SetAuthenticator(Authenticator) {}

func NewAPIClient(*Configuration) (*APIClient, error) { return nil, ErrNotBuiltIn }

func (*V1CertificateApiService) EnrollPkcs10Certificate(context.Context) (r ApiEnrollPkcs10CertificateRequest) {
	return r
}

func (r ApiEnrollPkcs10CertificateRequest) EnrollCertificateRestRequest(EnrollCertificateRestRequest) ApiEnrollPkcs10CertificateRequest {
	return r
}

func (ApiEnrollPkcs10CertificateRequest) Execute() (*CertificateRestResponse, *http.Response, error) {
	return nil, nil, ErrNotBuiltIn
}

func NewEnrollCertificateRestRequest() *EnrollCertificateRestRequest {
	return new(EnrollCertificateRestRequest)
}

func (*EnrollCertificateRestRequest) SetUsername(string)                 {}
func (*EnrollCertificateRestRequest) SetPassword(string)                 {}
func (*EnrollCertificateRestRequest) SetCertificateRequest(string)       {}
func (*EnrollCertificateRestRequest) SetCertificateAuthorityName(string) {}
func (*EnrollCertificateRestRequest) SetCertificateProfileName(string)   {}
func (*EnrollCertificateRestRequest) SetEndEntityProfileName(string)     {}
func (*EnrollCertificateRestRequest) SetIncludeChain(bool)               {}
func (*EnrollCertificateRestRequest) SetAccountBindingId(string)         {}

func (*CertificateRestResponse) GetResponseFormat() string { return "" }
func (*CertificateRestResponse) GetCertificate() string    { return "" }

func (*GenericOpenAPIError) Body() []byte { return nil }
