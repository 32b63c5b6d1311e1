// A value that must not be seen: it has no printer, compares in constant time and wipes itself.
#pragma once

#include <string>
#include <string_view>
#include <utility>

#include <postroad/result.hpp>

namespace postroad {

/// A password or token. There is no operator<<, no format and no implicit conversion; `reveal()` is
/// the one way to the octets, and every use of that word can be found with grep.
class POSTROAD_EXPORT Secret {
 public:
  Secret() = default;
  explicit Secret(std::string value) : value_(std::move(value)) {}
  Secret(const Secret&) = default;
  Secret(Secret&& other) noexcept;
  Secret& operator=(const Secret& other);
  Secret& operator=(Secret&& other) noexcept;
  ~Secret();

  /// The value of an environment variable. A missing variable gives an empty secret, which login
  /// refuses with a sentence that names `name`.
  static Secret from_env(const char* name);
  /// The first line of a file, without its line end.
  static Result<Secret> from_file(const std::string& path);

  [[nodiscard]] bool empty() const noexcept { return value_.empty(); }
  /// The octets. The view lives as long as this object.
  [[nodiscard]] std::string_view reveal() const noexcept { return value_; }
  /// Where it came from ("environment variable X"), for error sentences; never the value.
  [[nodiscard]] const std::string& origin() const noexcept { return origin_; }

  /// Constant time in the content.
  friend POSTROAD_EXPORT bool operator==(const Secret& a, const Secret& b) noexcept;

 private:
  void wipe() noexcept;
  std::string value_;
  std::string origin_;
};

}  // namespace postroad
