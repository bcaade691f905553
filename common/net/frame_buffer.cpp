#include "common/net/frame_buffer.h"

#include <algorithm>
#include <cstring>

namespace weft::net {
namespace {
constexpr std::size_t kPooledBytes = 32 << 10;  // smaller buffers are cheap to allocate
constexpr std::size_t kPooledBuffers = 8;
}  // namespace

void FrameBuffer::reserve(std::size_t capacity) {
  if (capacity <= capacity_) return;
  std::unique_ptr<std::uint8_t[]> larger(new std::uint8_t[capacity]);
  if (size_ != 0) std::memcpy(larger.get(), data_.get(), size_);
  data_ = std::move(larger);
  capacity_ = capacity;
}

void FrameBuffer::append(ByteSpan bytes) {
  if (bytes.empty()) return;
  if (size_ + bytes.size() > capacity_) reserve(std::max(size_ + bytes.size(), 2 * capacity_));
  std::memcpy(data_.get() + size_, bytes.data(), bytes.size());
  size_ += bytes.size();
}

FrameBuffer BufferPool::take(std::size_t capacity) {
  FrameBuffer buffer;
  if (capacity >= kPooledBytes) {
    const std::lock_guard lock(mutex_);
    if (!free_.empty()) {
      buffer = std::move(free_.back());
      free_.pop_back();
    }
  }
  buffer.clear();
  buffer.reserve(capacity);
  return buffer;
}

void BufferPool::give(FrameBuffer buffer) {
  if (buffer.capacity() < kPooledBytes) return;
  const std::lock_guard lock(mutex_);
  if (free_.size() < kPooledBuffers) free_.push_back(std::move(buffer));
}

}  // namespace weft::net
