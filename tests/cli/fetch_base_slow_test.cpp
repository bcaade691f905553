// Sites without the base model, as processes: what they fetch is the coordinator's, and the result is the same.
#include <gtest/gtest.h>

#include "common/tensor/base_files.h"
#include "tests/cli/job_support.h"

namespace weft::cli {
namespace {

namespace fs = std::filesystem;

class FetchBaseTest : public DeployedTest {
 protected:
  FetchBaseTest() : DeployedTest({}) {}
  fs::path fetched(const std::string& site) const { return job_.place / ("fetched/" + site); }
  fs::path part(const std::string& site) const { return job_.place / ("fetched/" + site + ".part-" + site); }
  Arguments fetching(const std::string& site) const {
    return {"--set", "model.path=" + fetched(site).string(), "--set", "fetch_model=true"};
  }
};

TEST_F(FetchBaseTest, EndsWithTheSameBitsWhateverWasThereBefore) {
  const fs::path weights = job_.model() / "model.safetensors";
  const std::string whole = slurp(weights);
  for (const char* site : {"birch", "cedar"}) fs::create_directories(part(site));
  spit(part("birch") / "model.safetensors", whole.substr(0, 1000));  // it was interrupted
  spit(part("birch") / "other.safetensors", "of another model");
  spit(part("cedar") / "model.safetensors", std::string(whole.size(), 'x'));  // its disk was at fault
  const auto coordinator = deployment_.coordinator();
  for (const std::string& site : job_.sites) workers_[site] = deployment_.worker(site, fetching(site));
  expect_same_result(*coordinator);
  const BaseList expected = base_files_of(job_.model());
  for (const std::string& site : job_.sites) {
    EXPECT_EQ(base_files_of(fetched(site)), expected) << site;
    EXPECT_EQ(std::distance(fs::directory_iterator(fetched(site)), {}), std::ssize(expected)) << site;
    EXPECT_FALSE(fs::exists(part(site))) << site;
    EXPECT_NE(workers_[site]->said().find("the base model is verified"), std::string::npos) << site;
  }
  EXPECT_NE(workers_["birch"]->said().find("1000 B of"), std::string::npos) << workers_["birch"]->said();
  EXPECT_NE(workers_["cedar"]->said().find("model.safetensors is not what its digest says"), std::string::npos);
}

TEST_F(FetchBaseTest, AMissingModelNamesTheKeyAndDoctorSaysWhatComes) {
  const Arguments elsewhere{"--set", "model.path=" + fetched("alder").string()};
  Arguments arguments{"worker", deployment_.site_file("alder").string()};
  arguments.insert(arguments.end(), elsewhere.begin(), elsewhere.end());
  const Ended refused = weft(arguments);
  EXPECT_EQ(refused.code, 2);
  EXPECT_NE(refused.err.find("fetch_model: true"), std::string::npos) << refused.err;
  const auto coordinator = deployment_.coordinator();
  ASSERT_TRUE(coordinator->wait_for({"waits for"})) << coordinator->said();
  arguments = {"doctor", deployment_.site_file("alder").string()};
  for (const std::string& each : fetching("alder")) arguments.push_back(each);
  const Ended doctor = weft(arguments);
  EXPECT_EQ(doctor.code, 0) << doctor.out;
  EXPECT_NE(doctor.out.find("the worker fetches"), std::string::npos) << doctor.out;
  EXPECT_FALSE(fs::exists(fetched("alder"))) << "it wrote something";
}

}  // namespace
}  // namespace weft::cli
