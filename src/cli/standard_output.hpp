// Standard output that remembers whether it could be written. Every verb prints through std::cout;
// at the end `finish` turns a failed write (a full disk, a closed descriptor) into a sentence and
// an exit code, so that no verb has to check for itself.
#pragma once

#include <array>
#include <iosfwd>
#include <streambuf>

namespace postroad::cli {

/// While it lives, std::cout writes through it. Make one at the start of main. It also occupies the
/// standard descriptors that the caller closed: otherwise a socket or a file would get number 1,
/// and what is printed would go into it.
class StandardOutput final : public std::streambuf {
 public:
  StandardOutput();
  ~StandardOutput() override;
  StandardOutput(const StandardOutput&) = delete;
  StandardOutput& operator=(const StandardOutput&) = delete;

  /// Writes the remaining output. If everything was written, returns `code`. Otherwise prints an
  /// error on standard error and returns `code`, or exit_io in place of exit_ok.
  [[nodiscard]] int finish(int code);

 protected:
  int_type overflow(int_type c) override;
  int sync() override;

 private:
  bool write_pending();
  std::array<char, 16384> buffer_;
  std::streambuf* before_;
  int error_ = 0;  // errno of the first write that failed
};

}  // namespace postroad::cli
