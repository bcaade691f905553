// OpenSSL objects as owning pointers and PEM files as objects, without OpenSSL's headers. For sources of crypto only.
#pragma once
#include <chrono>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

struct x509_st;
struct evp_pkey_st;
struct bio_st;
struct asn1_string_st;

namespace weft::crypto {

struct HandleDeleter {
  void operator()(x509_st* certificate) const;
  void operator()(evp_pkey_st* key) const;
  void operator()(bio_st* bio) const;
};
using X509Handle = std::unique_ptr<x509_st, HandleDeleter>;
using KeyHandle = std::unique_ptr<evp_pkey_st, HandleDeleter>;
using BioHandle = std::unique_ptr<bio_st, HandleDeleter>;

// The oldest entry of this thread's OpenSSL error queue, which is then emptied.
std::string take_openssl_error();
// Failure "doing: OpenSSL's reason" unless `done`.
void require(bool done, const char* doing);

// A file must not wait at a terminal for a pass phrase.
int no_pass_phrase(char* buffer, int size, int writing, void* data);

// The nearest that a time point can hold, which ends in the year 2262; its epoch for no time or a malformed one.
std::chrono::system_clock::time_point time_of(const asn1_string_st* time);
std::string hex_of(const asn1_string_st* integer);

// ConfigError with the path when missing or malformed.
X509Handle load_certificate(const std::filesystem::path& file);
std::vector<X509Handle> load_certificates(const std::filesystem::path& file);  // all that it has, at least one
// Nullptr when the text holds no PEM certificate.
X509Handle certificate_of_pem(const std::string& pem);
std::string pem_of(x509_st* certificate);
// As load_certificate, and when the file is readable or writable by anyone but its owner.
KeyHandle load_key(const std::filesystem::path& file);

}  // namespace weft::crypto
