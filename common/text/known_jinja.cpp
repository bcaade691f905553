// The templates that the families' checkpoints come with. Each was rendered beside Weft's own writing of the same name.
#include "common/text/known_jinja.h"

#include <array>

#include "common/base/digest.h"

namespace weft::text::chat {
namespace {

struct Known {
  std::string_view digest, name;
};

constexpr std::array kKnown = std::to_array<Known>({
    {"153280e3ff55d19da1398bdb3914ee2a51b80429bfaedde11d7d216c39db80f3", "chatml"},    // OpenHermes
    {"58c1a1f04baa7adaeaba1f90267c3d57d9396f0c1f0129bdde9e76d3c6784af7", "chatml"},    // Dolphin
    {"af9c0233881b083b52ff773580215222b5440ac3d0beeeca99b76329b048f8db", "qwen1.5"},   // Qwen1.5
    {"4039eed0f28b7aaa337e70c76cfedba3271ee32505835a095a8c92e536b3c355", "qwen2"},     // Qwen2.5's base models
    {"793202280c0910ab26bc6eb57c8212c2417324c6d8c4efd0d10d59092ab3e3eb", "qwen2"},     // Qwen2 Instruct
    {"55b2f4a26ac9ee719330a61a0c39d9e538b0e9322212f048326318cff4f8674a", "qwen2.5"},   // Qwen2.5 Instruct
    {"a55ee1b1660128b7098723e0abcd92caa0788061051c62d51cbe87d9cf1974d8", "qwen3"},     // Qwen3
    {"87a2728cb8dc9fe424d624542f6060ec05a1d285ebbec578bb078900e33396b5", "qwen3"},     // Qwen3, second revision
    {"872be49dbb638044ad01b60388f48d469ff2980e5f0dccdc22ec907db54d0788", "smollm2"},   // SmolLM2 Instruct
    {"e8d5b5a546d3f19df16a5320c614fab05bdc4edd50e850f1afd947b503ea41cf", "llama2"},    // Llama 2 Chat
    {"ea2472f29dbd93c3eb696795f6403228fcc4b775518869c771f83fbae5c11dbf", "llama2"},    // Llama 2 Chat, second revision
    {"ba03a121d097859c7b5b9cd03af99aafe95275210d2876f642ad9929a150f122", "llama3"},    // Meta Llama 3 Instruct
    {"93c0e9aa3629bbd77e68dbc0f5621f6e6b23aa8d74b932595cdb8d64684526d7", "llama3.1"},  // Llama 3.1 and 3.3 Instruct
    {"d82792f95932f1c9cef5c4bd992f171225e3bf8c7b609b4557c9e1ec96be819f", "llama3.2"},  // Llama 3.2 Instruct
    {"7e995b379ec01747807246483647cd99030abf331653f1119e16d7ac041a3495", "mistral-v0.1"},  // 7B Instruct v0.1
    {"26a59556925c987317ce5291811ba3b7f32ec4c647c400c6cc7e3a9993007ba7", "mistral"},       // v0.2 and Mixtral
    {"bbc58aad99454df60138be9530c9601a0adfe3d8932cda975e1f10b2410ddc51", "mistral-v1"},    // second revision
    {"cafb64e0e9e5fd2503054b3479593fae39cbdfd52338ce8af9bb4664a8eb05bd", "mistral-v3"},    // v0.3, Large 2407
    {"e7deee034838db2bfc7487788a3013d8a307ab69f72f3c54a85f06fd76007d4e", "mistral-nemo"},  // Mistral Nemo Instruct 2407
    {"66291cf0045c2425a3a667cf3cbb7af2b11f09e025c02f97245323ab79119362", "zephyr"},        // Zephyr 7B, TinyLlama Chat
});

}  // namespace

std::string digest_of(std::string_view jinja) {
  std::string text;
  for (std::size_t i = 0; i < jinja.size(); ++i)
    if (!jinja.substr(i).starts_with("\r\n")) text += jinja[i];
  if (text.ends_with('\n')) text.pop_back();
  if (text.ends_with("%}\n")) text.pop_back();  // the one behind a block goes too
  return sha256_hex(as_bytes(text));
}

std::string_view name_of_jinja(std::string_view digest) {
  for (const Known& known : kKnown)
    if (known.digest == digest) return known.name;
  return {};
}

}  // namespace weft::text::chat
