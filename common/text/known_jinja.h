// Which Jinja templates of checkpoints are known, by their whole text. Internal to this library.
#pragma once
#include <string>
#include <string_view>

namespace weft::text::chat {

// SHA-256 of the Jinja in a form that every way to keep it shares: line breaks are \n, and one at the end, of which
// Jinja makes nothing, does not count.
std::string digest_of(std::string_view jinja);

// The name of the way to write a conversation that writes the same as the Jinja of this digest; empty: not known.
std::string_view name_of_jinja(std::string_view digest);

}  // namespace weft::text::chat
