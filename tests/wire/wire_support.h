// Messages to test with: one fixed example of each type, and random ones.
#pragma once
#include <random>
#include <string>
#include <vector>

#include "common/wire/messages.h"

namespace weft::wire {

// One of each type, in the variant's order; every field differs from its default.
std::vector<Message> examples();
// Any message of that type within the limits of the format.
Message random_message(std::size_t type, std::mt19937_64& random);
// Of a file under the project's root.
std::string read_project_file(const std::string& path);

}  // namespace weft::wire
