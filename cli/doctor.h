// What weft doctor finds: one finding a check, from a table of small functions.
#pragma once
#include <exception>
#include <string>
#include <utility>
#include <vector>

namespace weft::cli {

enum class Health { ok, warning, problem };
struct Verdict {
  Health health = Health::ok;
  std::string text;  // what was found, and what to do about it
};
struct Finding {
  std::string check;
  Verdict verdict;
};

// A problem that an earlier check has told is not told again.
Verdict not_again(const std::vector<Finding>& earlier, Verdict verdict);

// Of a run file or a site file; what a check throws is a problem. A later check may use what an earlier one has left in
// the visit.
template <class Visit>
struct Check {
  const char* name;
  Verdict (*look)(Visit& visit);
};

template <class Visit>
std::vector<Finding> look(const std::vector<Check<Visit>>& checks, Visit& visit) {
  std::vector<Finding> findings;
  for (const Check<Visit>& check : checks) {
    Verdict verdict;
    try {
      verdict = check.look(visit);
    } catch (const std::exception& error) {
      verdict = {Health::problem, error.what()};
    }
    findings.push_back({check.name, not_again(findings, std::move(verdict))});
  }
  return findings;
}

struct RunQuestion {
  std::string file, folder, pki = "pki", name = "coordinator";
  std::vector<std::string> overrides;
};
struct SiteQuestion {
  std::string file;
  std::vector<std::string> overrides;
};
std::vector<Finding> look_at_run(const RunQuestion& question);
std::vector<Finding> look_at_site(const SiteQuestion& question);

}  // namespace weft::cli
