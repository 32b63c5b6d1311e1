// See recycled.hpp.
#include "server/recycled.hpp"

#include <array>
#include <new>
#include <utility>

namespace postroad::server {

namespace {

// The most recently freed blocks. There are few sizes: a search costs less than malloc.
struct Spare {
  struct Block {
    void* memory = nullptr;
    std::size_t size = 0;
  };
  std::array<Block, 16> blocks;
  Spare() = default;
  Spare(const Spare&) = delete;
  Spare& operator=(const Spare&) = delete;
  ~Spare() {
    for (auto& block : blocks) ::operator delete(block.memory);
  }
};

thread_local Spare spare;

}  // namespace

void* Recycled::operator new(std::size_t size) {
  for (auto& block : spare.blocks) {
    if (block.memory != nullptr && block.size == size) return std::exchange(block.memory, nullptr);
  }
  return ::operator new(size);
}

void Recycled::operator delete(void* memory, std::size_t size) noexcept {
  for (auto& block : spare.blocks) {
    if (block.memory != nullptr) continue;
    block = {memory, size};
    return;
  }
  ::operator delete(memory);
}

}  // namespace postroad::server
