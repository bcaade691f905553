// A pickle machine that can build one thing: a dictionary of names to tensors.
#include <algorithm>
#include <array>
#include <memory>
#include <optional>
#include <set>
#include <stdexcept>
#include <utility>
#include <variant>

#include "common/tensor/torch_file.h"

namespace weft {
namespace {

struct Value;
using Values = std::vector<Value>;
struct Nothing {};
struct Mark {};
struct Global {
  std::string name;
};
struct Storage {
  std::string key;
  DType dtype;
};
struct Tuple {
  std::shared_ptr<Values> items;  // shared: values are copied when they are memoised
  int depth = 1;                  // of tuples in tuples
};
struct Dict {
  std::shared_ptr<Values> items;  // keys and values in turn
};
struct Value {
  std::variant<Nothing, Mark, std::int64_t, std::string, Global, Storage, Tuple, Dict, PickledTensor> is;
};

struct Malformed : std::runtime_error {
  using std::runtime_error::runtime_error;
};

constexpr std::size_t kMostValues = 1 << 22;  // a state dict has some forty for each tensor
constexpr std::size_t kMostTextBytes = 64 << 20, kLongestText = 64 << 10, kMostDimensions = 64;
constexpr int kDeepestTuple = 8;  // a state dict has three in one another

std::optional<DType> storage_type(const std::string& name) {
  constexpr std::array<std::pair<const char*, DType>, 9> kTypes{{{"torch FloatStorage", DType::f32},
                                                                 {"torch HalfStorage", DType::f16},
                                                                 {"torch BFloat16Storage", DType::bf16},
                                                                 {"torch DoubleStorage", DType::f64},
                                                                 {"torch LongStorage", DType::i64},
                                                                 {"torch IntStorage", DType::i32},
                                                                 {"torch ShortStorage", DType::i16},
                                                                 {"torch ByteStorage", DType::u8},
                                                                 {"torch BoolStorage", DType::boolean}}};
  for (const auto& [known, type] : kTypes)
    if (name == known) return type;
  return std::nullopt;
}

class Machine {
 public:
  explicit Machine(ByteSpan pickle) : left_(pickle) {}
  ~Machine() {
    for (const std::shared_ptr<Values>& items : dictionaries_) items->clear();  // one may hold itself
  }
  Machine(const Machine&) = delete;
  Machine& operator=(const Machine&) = delete;

  std::map<std::string, PickledTensor> run() {
    while (step(byte())) {
    }
    std::map<std::string, PickledTensor> tensors;
    const std::shared_ptr<Values> held = get<Dict>(pop()).items;
    const Values& items = *held;
    for (std::size_t i = 0; i + 1 < items.size(); i += 2) {
      const auto* name = std::get_if<std::string>(&items[i].is);
      const auto* tensor = std::get_if<PickledTensor>(&items[i + 1].is);
      if (name == nullptr || tensor == nullptr) throw Malformed("it holds something else than tensors by name");
      tensors[*name] = *tensor;
    }
    return tensors;
  }

 private:
  std::uint8_t byte() { return bytes(1)[0]; }
  ByteSpan bytes(std::uint64_t count) {
    if (count > left_.size()) throw Malformed("its pickle ends early");
    const ByteSpan taken = left_.first(count);
    left_ = left_.subspan(count);
    return taken;
  }
  std::uint64_t number(std::size_t size) {
    std::uint64_t value = 0;
    const ByteSpan raw = bytes(size);
    for (std::size_t i = size; i > 0; --i) value = value << 8 | raw[i - 1];
    return value;
  }
  std::string text(std::uint64_t size) {
    if (size > kLongestText) throw Malformed("its pickle has a text of " + std::to_string(size) + " bytes");
    const ByteSpan raw = bytes(size);
    return {raw.begin(), raw.end()};
  }
  std::string line() {
    std::string read;
    for (char c = static_cast<char>(byte()); c != '\n'; c = static_cast<char>(byte())) {
      if (read.size() == kLongestText) throw Malformed("its pickle has a line without end");
      read += c;
    }
    return read;
  }

  // Every copy counts: an instruction of one byte may copy a long text.
  void count(const Value& value) {
    const auto* text = std::get_if<std::string>(&value.is);
    text_bytes_ += text == nullptr ? 0 : text->size();
    if (++made_ > kMostValues || text_bytes_ > kMostTextBytes) throw Malformed("its pickle makes too many values");
  }
  void push(Value value) {
    count(value);
    stack_.push_back(std::move(value));
  }
  template <class T>
  void push_new(T value) {
    push({std::move(value)});
  }
  // Tuples are destroyed by recursion, so they may not nest without end. Dictionaries are held by the machine.
  void push_tuple_of(Values items) {
    Tuple tuple{.items = std::make_shared<Values>(std::move(items))};
    for (const Value& item : *tuple.items)
      if (const auto* inner = std::get_if<Tuple>(&item.is)) tuple.depth = std::max(tuple.depth, inner->depth + 1);
    if (tuple.depth > kDeepestTuple) throw Malformed("its pickle nests tuples too deeply");
    push_new(std::move(tuple));
  }
  Value pop() {
    if (stack_.empty()) throw Malformed("its pickle takes from an empty stack");
    Value value = std::move(stack_.back());
    stack_.pop_back();
    return value;
  }
  template <class T>
  static const T& get(const Value& value) {
    const T* found = std::get_if<T>(&value.is);
    if (found == nullptr) throw Malformed("its pickle has a value of another kind than a state dict has there");
    return *found;
  }
  template <class T>
  static T get(Value&& value) {
    return get<T>(static_cast<const Value&>(value));
  }
  Values pop_to_mark() {
    Values items;
    for (Value value = pop(); !std::holds_alternative<Mark>(value.is); value = pop()) items.push_back(std::move(value));
    return {std::make_move_iterator(items.rbegin()), std::make_move_iterator(items.rend())};
  }
  void push_dictionary() {
    dictionaries_.push_back(std::make_shared<Values>());
    push_new(Dict{dictionaries_.back()});
  }
  void push_tuple(std::size_t size) {
    Values items(size);
    for (std::size_t i = size; i > 0; --i) items[i - 1] = pop();
    push_tuple_of(std::move(items));
  }
  void add_items(Values items) {
    if (stack_.empty() || items.size() % 2 != 0) throw Malformed("its pickle sets items of nothing");
    Values& into = *get<Dict>(stack_.back()).items;
    into.insert(into.end(), std::make_move_iterator(items.begin()), std::make_move_iterator(items.end()));
  }
  void memoise(std::uint64_t index) {
    if (stack_.empty()) throw Malformed("its pickle notes nothing");
    count(stack_.back());
    memo_[index] = stack_.back();
  }
  void recall(std::uint64_t index) {
    const auto found = memo_.find(index);
    if (found == memo_.end()) throw Malformed("its pickle recalls what it has not noted");
    push(found->second);
  }

  // ("storage", type, key, place, count), which torch.save writes for each storage.
  void load_storage() {
    const std::shared_ptr<Values> held = get<Tuple>(pop()).items;
    const Values& items = *held;
    if (items.size() < 5 || get<std::string>(items[0]) != "storage") throw Malformed("its pickle names no storage");
    const std::string& type = get<Global>(items[1]).name;
    const std::optional<DType> dtype = storage_type(type);
    if (!dtype) throw Malformed("it holds tensors of type " + type);
    push_new(Storage{get<std::string>(items[2]), *dtype});
  }

  std::vector<std::int64_t> integers(const Value& value) {
    std::vector<std::int64_t> numbers;
    const Values& items = *get<Tuple>(value).items;
    if (items.size() > kMostDimensions) throw Malformed("it holds a tensor of more than 64 dimensions");
    for (const Value& item : items) numbers.push_back(get<std::int64_t>(item));
    return numbers;
  }

  void call() {
    const std::shared_ptr<Values> held = get<Tuple>(pop()).items;
    const Values& arguments = *held;
    const std::string function = get<Global>(pop()).name;
    const auto need = [&](std::size_t count) {
      if (arguments.size() < count) throw Malformed("its pickle calls " + function + " with too little");
    };
    if (function == "collections OrderedDict") return push_dictionary();
    if (function == "torch._utils _rebuild_parameter") {
      need(1);
      return push(arguments[0]);
    }
    if (function != "torch._utils _rebuild_tensor_v2")
      throw Malformed("its pickle calls " + function + ", which a state dict has no need for");
    need(4);
    const auto& storage = get<Storage>(arguments[0]);
    push_new(PickledTensor{.storage = storage.key,
                           .dtype = storage.dtype,
                           .offset = get<std::int64_t>(arguments[1]),
                           .shape = integers(arguments[2]),
                           .strides = integers(arguments[3])});
  }

  // One instruction; false at the end.
  bool step(std::uint8_t code) {
    switch (code) {
      case 0x80:  // PROTO
        bytes(1);
        break;
      case 0x95:  // FRAME
        bytes(8);
        break;
      case '}':
        push_dictionary();
        break;
      case ')':
      case ']':  // an empty list stands for an empty tuple: nothing here tells them apart
        push_tuple_of({});
        break;
      case '(':
        push_new(Mark{});
        break;
      case 'N':
        push_new(Nothing{});
        break;
      case 0x88:  // NEWTRUE
      case 0x89:  // NEWFALSE
        push_new(std::int64_t{code == 0x88});
        break;
      case 'K':
        push_new(static_cast<std::int64_t>(number(1)));
        break;
      case 'M':
        push_new(static_cast<std::int64_t>(number(2)));
        break;
      case 'J':
        push_new(std::int64_t{static_cast<std::int32_t>(number(4))});
        break;
      case 0x8a: {  // LONG1
        const std::uint8_t size = byte();
        if (size > 8) throw Malformed("its pickle has a number of more than 64 bits");
        const std::uint64_t value = number(size);
        const bool negative = size > 0 && size < 8 && (value >> (8 * size - 1) & 1U) != 0;
        push_new(static_cast<std::int64_t>(negative ? value | ~std::uint64_t{0} << 8 * size : value));
        break;
      }
      case 'X':
        push_new(text(number(4)));
        break;
      case 0x8c:  // SHORT_BINUNICODE
        push_new(text(number(1)));
        break;
      case 'c': {
        const std::string module = line();
        push_new(Global{module + " " + line()});
        break;
      }
      case 0x93: {  // STACK_GLOBAL
        const auto name = get<std::string>(pop());
        push_new(Global{get<std::string>(pop()) + " " + name});
        break;
      }
      default:
        return step_on_stack(code);
    }
    return true;
  }

  bool step_on_stack(std::uint8_t code) {
    switch (code) {
      case 't':
        push_tuple_of(pop_to_mark());
        break;
      case 0x85:  // TUPLE1 to TUPLE3
      case 0x86:
      case 0x87:
        push_tuple(code - 0x84U);
        break;
      case 'q':
        memoise(number(1));
        break;
      case 'r':
        memoise(number(4));
        break;
      case 0x94:  // MEMOIZE
        memoise(memo_.size());
        break;
      case 'h':
        recall(number(1));
        break;
      case 'j':
        recall(number(4));
        break;
      case 'Q':
        load_storage();
        break;
      case 'R':
        call();
        break;
      case 'b':  // attributes of an object, such as the versions of a state dict's modules
        pop();
        break;
      case 's': {
        Value value = pop();
        Value key = pop();
        add_items({std::move(key), std::move(value)});
        break;
      }
      case 'u':
        add_items(pop_to_mark());
        break;
      case '.':
        return false;
      default:
        throw Malformed("its pickle has instruction " + std::to_string(code) + ", which a state dict has no need for");
    }
    return true;
  }

  ByteSpan left_;
  Values stack_;
  std::map<std::uint64_t, Value> memo_;
  std::vector<std::shared_ptr<Values>> dictionaries_;
  std::size_t made_ = 0, text_bytes_ = 0;
};

}  // namespace

Result<std::map<std::string, PickledTensor>> parse_state_dict_pickle(ByteSpan pickle) {
  try {
    return Machine(pickle).run();
  } catch (const Malformed& problem) {
    return Error{problem.what()};
  }
}

}  // namespace weft
