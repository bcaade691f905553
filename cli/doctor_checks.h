// The checks that a coordinator and a site have in common.
#pragma once
#include <string>
#include <vector>

#include "cli/doctor.h"
#include "common/base/disk_room.h"
#include "common/crypto/pki.h"
#include "worker/policy.h"

namespace weft::cli {

// Also of certificates that it is to be held against; see CertificateFacts. Whether the system says it is synchronised.
Verdict look_at_clock(const std::vector<crypto::CertificateFacts>& held_against, const std::string& not_checked);
Verdict look_at_certificates(const crypto::CredentialFiles& files, crypto::Role role, const std::string& name);
Verdict look_at_revocations(const crypto::CredentialFiles& files);
Verdict look_at_versions();
Verdict look_at_device(const std::string& name);  // computes something there
Verdict look_at_disk(const DiskNeed& need);
// Whether another process has a folder that is locked while in use. Makes no file.
bool in_use(const std::filesystem::path& folder);
std::string days_left(const crypto::CertificateFacts& facts);  // "valid for 812 days"
bool ends_soon(const crypto::CertificateFacts& facts);

}  // namespace weft::cli
