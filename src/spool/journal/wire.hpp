// Numbers and strings in the encoding of the journal's files: little-endian, a string after its
// length (u32). The decoder never reads outside its input: after a wrong length every value is zero
// and `ok` is false.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace postroad::spool {

template <class Number>
void put(char* at, Number number) noexcept {
  for (std::size_t i = 0; i < sizeof(Number); ++i) {
    at[i] = static_cast<char>(static_cast<std::uint64_t>(number) >> (8 * i));
  }
}

template <class Number>
Number get(const char* at) noexcept {
  std::uint64_t number = 0;
  for (std::size_t i = 0; i < sizeof(Number); ++i) {
    number |= static_cast<std::uint64_t>(static_cast<unsigned char>(at[i])) << (8 * i);
  }
  return static_cast<Number>(number);
}

/// Appends to a string.
class Encoder final {
 public:
  explicit Encoder(std::string& out) : out_(out) {}
  template <class Number>
  Encoder& number(Number value) {
    std::array<char, sizeof(Number)> bytes{};
    put(bytes.data(), value);
    out_.append(bytes.data(), bytes.size());
    return *this;
  }
  Encoder& text(std::string_view value) {
    number(static_cast<std::uint32_t>(value.size()));
    out_.append(value);
    return *this;
  }

 private:
  std::string& out_;
};

/// Reads from the front of its input, which must outlive it.
class Decoder final {
 public:
  explicit Decoder(std::string_view bytes) : rest_(bytes) {}
  template <class Number>
  Number number() noexcept {
    const auto bytes = take(sizeof(Number));
    return ok_ ? get<Number>(bytes.data()) : Number{};
  }
  std::string_view text() noexcept { return take(number<std::uint32_t>()); }
  std::string_view take(std::size_t count) noexcept {
    if (count > rest_.size()) ok_ = false;
    if (!ok_) return {};
    const auto out = rest_.substr(0, count);
    rest_.remove_prefix(count);
    return out;
  }
  [[nodiscard]] bool ok() const noexcept { return ok_; }
  [[nodiscard]] std::size_t left() const noexcept { return rest_.size(); }

 private:
  std::string_view rest_;
  bool ok_ = true;
};

}  // namespace postroad::spool
