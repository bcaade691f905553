// weft pki init | issue | revoke | show: the certificates that say who may join.
#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdio>
#include <memory>

#include "cli/commands.h"
#include "common/base/joined.h"
#include "common/base/result.h"
#include "common/crypto/pki.h"
#include "common/crypto/revocation.h"

namespace weft::cli {
namespace {

const std::map<std::string, crypto::KeyType> kKeyTypes{{"ed25519", crypto::KeyType::ed25519},
                                                       {"p256", crypto::KeyType::p256}};

void add_init(CLI::App& pki, Chosen& chosen) {
  CLI::App* init = pki.add_subcommand("init", "Make a certificate authority: FOLDER/ca.crt and FOLDER/ca.key");
  const auto folder = std::make_shared<std::string>("pki");
  const auto options = std::make_shared<crypto::CaOptions>();
  init->add_option("folder", *folder, "Where to")->capture_default_str();
  init->add_option("--name", options->name, "Common name of the authority")->capture_default_str();
  init->add_option("--key", options->key_type, "Key type: ed25519 or p256")
      ->transform(CLI::CheckedTransformer(kKeyTypes));
  init->add_option("--days", options->valid_days, "Days of validity")->capture_default_str();
  init->footer("Keep ca.key on a machine that runs nothing else; sites and coordinator need only ca.crt.");
  init->callback([=, &chosen] {
    chosen = [=] {
      crypto::init_ca(*folder, *options);
      std::printf("made %s/ca.crt and ca.key\n", folder->c_str());
      return 0;
    };
  });
}

void add_issue(CLI::App& pki, Chosen& chosen) {
  CLI::App* issue = pki.add_subcommand("issue", "Make a key and certificate for a site or the coordinator");
  struct Flags {
    std::string folder, days;
    bool coordinator = false;
    crypto::IssueOptions options;
  };
  const auto flags = std::make_shared<Flags>();
  flags->folder = "pki";
  issue->add_option("name", flags->options.name, "The site's name, as the run file lists it")->required();
  issue->add_option("--folder", flags->folder, "Folder of the authority")->capture_default_str();
  issue->add_flag("--coordinator", flags->coordinator, "For the coordinator instead of a site");
  issue->add_option("--host", flags->options.extra_hosts, "DNS name or IP address of the coordinator; may be repeated");
  issue->add_option("--key", flags->options.key_type, "Key type: ed25519 or p256")
      ->transform(CLI::CheckedTransformer(kKeyTypes));
  issue->add_option("--days", flags->options.valid_days, "Days of validity")->capture_default_str();
  issue->footer(
      "Example:\n  weft pki issue coordinator --coordinator --host fl.example.org\n  weft pki issue clinic-b\n"
      "Give each site ca.crt, NAME.crt and NAME.key, over a channel that you trust.");
  issue->callback([=, &chosen] {
    chosen = [=] {
      if (!flags->coordinator && !flags->options.extra_hosts.empty())
        throw ConfigError(
            "--host says where the coordinator is; a site only dials out. Leave it out, or add --coordinator");
      flags->options.role = flags->coordinator ? crypto::Role::coordinator : crypto::Role::site;
      const crypto::CredentialFiles files = crypto::issue(flags->folder, flags->options);
      std::printf("made %s and %s\n", files.certificate.c_str(), files.key.c_str());
      return 0;
    };
  });
}

void add_revoke(CLI::App& pki, Chosen& chosen) {
  CLI::App* revoke =
      pki.add_subcommand("revoke", "Put a certificate on the authority's list of those that count no more");
  const auto folder = std::make_shared<std::string>("pki");
  const auto name = std::make_shared<std::string>();
  revoke->add_option("name", *name, "Whose: FOLDER/NAME.crt")->required();
  revoke->add_option("--folder", *folder, "Folder of the authority")->capture_default_str();
  revoke->footer(
      "Example:\n  weft pki revoke clinic-b\n"
      "Give ca.crl to the coordinator, beside its ca.crt, and send it SIGHUP: sessions of the revoked end, and they\n"
      "cannot come back. Sites look for ca.crl beside their ca.crt as well, should the coordinator's be revoked.");
  revoke->callback([=, &chosen] {
    chosen = [=] {
      const crypto::CertificateFacts facts = crypto::revoke(*folder, *name);
      std::printf("revoked %s (serial %s) in %s/ca.crl\n", facts.name.c_str(), facts.serial.c_str(), folder->c_str());
      return 0;
    };
  });
}

void add_show(CLI::App& pki, Chosen& chosen) {
  CLI::App* show = pki.add_subcommand("show", "Say whose a certificate is and until when it is valid");
  const auto file = std::make_shared<std::string>();
  show->add_option("certificate", *file, "A .crt file; a list of revoked ones beside it is looked at")->required();
  show->callback([=, &chosen] {
    chosen = [=] {
      const crypto::CertificateFacts facts = crypto::read_certificate(*file);
      const crypto::WallTime now = std::chrono::system_clock::now();
      const std::filesystem::path ca = std::filesystem::path(*file).parent_path() / "ca.crt";
      const bool revoked = std::filesystem::exists(ca) && crypto::holds(crypto::read_revocations(ca), facts);
      const char* state = revoked                  ? "  REVOKED"
                          : now > facts.not_after  ? "  EXPIRED"
                          : now < facts.not_before ? "  NOT YET VALID"
                                                   : "";
      const std::string hosts = joined(facts.hosts);
      std::printf(
          "name         %s\nrole         %s\nhosts        %s\nkey          %s\nissuer       %s\nvalid from   %s\n"
          "valid until  %s%s\nfingerprint  %s\n",
          facts.name.c_str(),
          facts.is_ca  ? "authority"
          : facts.role ? crypto::name_of(*facts.role)
                       : "none",
          hosts.empty() ? "-" : hosts.c_str(), facts.key_type.c_str(), facts.issuer.c_str(),
          crypto::format_utc(facts.not_before).c_str(), crypto::format_utc(facts.not_after).c_str(), state,
          facts.fingerprint.c_str());
      return 0;
    };
  });
}

}  // namespace

void add_pki(CLI::App& app, Chosen& chosen) {
  CLI::App* pki = app.add_subcommand("pki", "Make, revoke and show certificates");
  pki->require_subcommand(1);
  pki->footer(
      "Example, on a machine that you trust:\n  weft pki init\n"
      "  weft pki issue coordinator --coordinator --host fl.example.org\n  weft pki issue clinic-a\n"
      "  weft pki show pki/clinic-a.crt\nEach party gets ca.crt and its own .crt and .key, nobody gets ca.key.");
  add_init(*pki, chosen);
  add_issue(*pki, chosen);
  add_revoke(*pki, chosen);
  add_show(*pki, chosen);
}

}  // namespace weft::cli
