// The bytes of a message in the spool, as a client reads them.
#pragma once

#include <atomic>
#include <memory>
#include <postroad/message_source.hpp>

#include "queue/carrier.hpp"
#include "spool/spool.hpp"

namespace postroad::queue {

/// Opens the message when it is first read. Spool and part outlive it.
class SpoolSource final : public MessageSource {
 public:
  SpoolSource(spool::Spool& spool, const Part& part)
      : spool_(spool),
        part_(part),
        is_8bit_(part.handling.body_8bit || part.handling.undeclared_8bit) {}
  Result<std::string_view> next() override {
    if (read_ == Read::cut) return cut_off();
    if (!reader_) {
      auto opened = spool_.read(part_.id);
      if (!opened) return opened.error();
      reader_ = std::move(*opened);
    }
    auto chunk = reader_->next();
    auto before = Read::begun;
    if (chunk && chunk->empty() && !read_.compare_exchange_strong(before, Read::ended) &&
        before == Read::cut)
      return cut_off();
    return chunk;
  }
  bool rewind() override {
    reader_.reset();
    auto before = Read::ended;
    read_.compare_exchange_strong(before, Read::begun);
    return true;
  }
  /// From now on the end of the message is not read, so that no final dot is sent. False: it was
  /// read, and the final dot may have been sent. From any thread.
  bool cut() {
    auto before = Read::begun;
    return read_.compare_exchange_strong(before, Read::cut) || before == Read::cut;
  }
  /// A server without 8BITMIME gets the bytes unchanged.
  void hide_8bit() { is_8bit_ = false; }
  [[nodiscard]] std::optional<std::uint64_t> size() const override { return part_.size; }
  [[nodiscard]] bool is_8bit() const override { return is_8bit_; }
  [[nodiscard]] bool is_binary() const override { return part_.handling.binary; }
  [[nodiscard]] bool needs_utf8() const override { return part_.handling.smtputf8; }

 private:
  enum class Read : std::uint8_t { begun, ended, cut };
  static Error cut_off() { return fail(Fault::cancelled, {}, "cancelled"); }
  spool::Spool& spool_;
  const Part& part_;
  std::unique_ptr<spool::Reader> reader_;
  std::atomic<Read> read_ = Read::begun;
  bool is_8bit_;
};

}  // namespace postroad::queue
