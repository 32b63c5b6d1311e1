// A password or token: cannot be printed, compares in constant time, and is wiped from memory.
#pragma once

#include <string>
#include <string_view>
#include <utility>

#include <postroad/result.hpp>

namespace postroad {

/// A password or token. It has no operator<<, no formatter and no implicit conversion: `reveal()`
/// is the only access, so that grep finds every use.
class POSTROAD_EXPORT Secret {
 public:
  Secret() = default;
  explicit Secret(std::string value) : value_(std::move(value)) {}
  Secret(const Secret&) = default;
  Secret(Secret&& other) noexcept;
  Secret& operator=(const Secret& other);
  Secret& operator=(Secret&& other) noexcept;
  ~Secret();

  /// The value of an environment variable. Empty when the variable is missing; the login then fails
  /// with an error that names the variable.
  static Secret from_env(const char* name);
  /// The first line of a file, without its line end. Error: Fault::io, or Fault::data where that
  /// line is empty.
  static Result<Secret> from_file(const std::string& path);

  [[nodiscard]] bool empty() const noexcept { return value_.empty(); }
  /// The bytes. The view is valid while this object lives unchanged.
  [[nodiscard]] std::string_view reveal() const noexcept { return value_; }
  /// The source of the value ("environment variable X"), for error messages; never the value.
  [[nodiscard]] const std::string& origin() const noexcept { return origin_; }

  /// Takes constant time for any content of the same length.
  friend POSTROAD_EXPORT bool operator==(const Secret& a, const Secret& b) noexcept;

 private:
  void wipe() noexcept;
  std::string value_;
  std::string origin_;
};

}  // namespace postroad
