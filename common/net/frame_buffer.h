// Buffers for outgoing frames: filled by TLS, handed to ZeroMQ without a copy, used again once they are sent.
#pragma once
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "common/base/bytes.h"

namespace weft::net {

// Bytes that are not zeroed when allocated.
class FrameBuffer {
 public:
  void append(ByteSpan bytes);
  void reserve(std::size_t capacity);
  void clear() { size_ = 0; }
  ByteSpan bytes() const { return {data_.get(), size_}; }
  std::size_t size() const { return size_; }
  std::size_t capacity() const { return capacity_; }
  bool empty() const { return size_ == 0; }

 private:
  std::unique_ptr<std::uint8_t[]> data_;
  std::size_t size_ = 0, capacity_ = 0;
};

// A few large buffers kept for reuse. Any thread.
class BufferPool {
 public:
  FrameBuffer take(std::size_t capacity);  // empty, with at least that capacity
  void give(FrameBuffer buffer);

 private:
  std::mutex mutex_;
  std::vector<FrameBuffer> free_;
};

}  // namespace weft::net
