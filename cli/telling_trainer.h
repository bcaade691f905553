// A trainer that tells its site's operator what it does: training and how far it is, and the scores that are sent.
#pragma once
#include <memory>
#include <string>

#include "common/fl/local_trainer.h"

namespace weft::cli {

// `primary`: the metric to tell first.
std::unique_ptr<fl::LocalTrainer> telling(std::unique_ptr<fl::LocalTrainer> trainer, std::string primary);

}  // namespace weft::cli
