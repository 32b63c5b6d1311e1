// The octets of a message in the spool, as a client wants them.
#pragma once

#include <algorithm>
#include <memory>
#include <postroad/message_source.hpp>

#include "relay/intake.hpp"
#include "spool/spool.hpp"

namespace postroad::relay {

inline bool has_option(const spool::Envelope& envelope, std::string_view name) {
  return std::any_of(envelope.options.begin(), envelope.options.end(),
                     [&](const auto& option) { return option.first == name; });
}

/// Opens the message when it is first read. The spool outlives it.
class SpoolSource final : public MessageSource {
 public:
  SpoolSource(spool::Spool& spool, spool::QueueId id, const spool::Envelope& envelope)
      : spool_(spool),
        id_(id),
        eight_bit_(has_option(envelope, "BODY") || has_option(envelope, is_8bit_unsaid)),
        binary_(has_option(envelope, relay::is_binary)),
        utf8_(has_option(envelope, "SMTPUTF8")) {}
  Result<std::string_view> next() override {
    if (!reader_) {
      auto opened = spool_.read(id_);
      if (!opened) return opened.error();
      reader_ = std::move(*opened);
    }
    return reader_->next();
  }
  bool rewind() override {
    reader_.reset();
    return true;
  }
  /// A server without 8BITMIME gets the octets as they came.
  void hide_8bit() { eight_bit_ = false; }
  [[nodiscard]] std::optional<std::uint64_t> size() const override {
    const auto size = spool_.size(id_);
    return size ? std::optional(*size) : std::nullopt;
  }
  [[nodiscard]] bool is_8bit() const override { return eight_bit_; }
  [[nodiscard]] bool is_binary() const override { return binary_; }
  [[nodiscard]] bool needs_utf8() const override { return utf8_; }

 private:
  spool::Spool& spool_;
  spool::QueueId id_;
  std::unique_ptr<spool::Reader> reader_;
  bool eight_bit_;
  bool binary_;
  bool utf8_;
};

}  // namespace postroad::relay
