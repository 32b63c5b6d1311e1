// Composing header and body, signing, and composing again for a server that offers more; see
// compose.hpp.
#include "mail/mime/compose.hpp"

#include <unistd.h>

#include <array>
#include <random>

#include "base/text.hpp"
#include "mail/header/date.hpp"
#include "mail/header/fold.hpp"
#include "mail/mime/body_tree.hpp"
#include "mail/mime/entity_writer.hpp"
#include "mail/mime/recode.hpp"

namespace postroad::mail {

namespace {

void system_random(std::span<unsigned char> bytes) {
  if (getentropy(bytes.data(), bytes.size()) == 0) return;
  std::random_device device;
  for (auto& byte : bytes) byte = static_cast<unsigned char>(device() & 0xff);
}

// The random words and the date of one message. They stay the same each time it is composed, so
// that every server gets the same message.
class Nonces final {
 public:
  explicit Nonces(const ComposeOptions& options)
      : random_(options.random), date_(options.date.value_or(std::chrono::system_clock::now())) {}
  void begin() noexcept { next_ = 0; }
  // 128 random bits as 32 characters from a to p, which a Message-ID and a boundary may contain.
  std::string word();
  [[nodiscard]] std::chrono::system_clock::time_point date() const noexcept { return date_; }

 private:
  std::function<void(std::span<unsigned char>)> random_;
  std::chrono::system_clock::time_point date_;
  std::vector<std::string> words_;
  std::size_t next_ = 0;
};

std::string Nonces::word() {
  if (next_ == words_.size()) {
    std::array<unsigned char, 16> bytes{};
    random_ ? random_(bytes) : system_random(bytes);
    auto& word = words_.emplace_back();
    for (const auto byte : bytes)
      word += {static_cast<char>('a' + (byte >> 4)), static_cast<char>('a' + (byte & 15))};
  }
  return words_[next_++];
}

class Composer final {
 public:
  Composer(const Draft& draft, const std::string& host, Nonces& nonces, Transfer transfer)
      : draft_(draft),
        host_(host),
        nonces_(nonces),
        transfer_(transfer),
        source_(std::make_unique<SegmentSource>()) {}
  Result<std::unique_ptr<SegmentSource>> whole();

 private:
  void add_header();
  void add_field(std::string_view name, const std::string& formatted);
  void add_addresses(std::string_view name, const std::vector<Address>& addresses);
  void add_ids(std::string_view name, const std::vector<std::string>& ids);
  void add_priority();
  void add_unsubscribe();
  Result<void> add_body();
  Result<void> add_raw();
  Result<void> sign();
  std::string id_host() const;
  [[nodiscard]] bool lacks(std::string_view name) const;

  const Draft& draft_;
  const std::string& host_;
  Nonces& nonces_;
  Transfer transfer_;
  std::unique_ptr<SegmentSource> source_;
  std::string header_;
  bool utf8_ = false;
};

std::string Composer::id_host() const {
  const auto usable = [](const std::string& host) {
    return !host.empty() && host.size() <= 255 && std::all_of(host.begin(), host.end(), [](char c) {
      return is_alnum(c) || std::string_view("-._[]:").find(c) != std::string_view::npos;
    });
  };
  if (usable(host_)) return host_;
  const auto& authors = draft_.from.empty() && draft_.raw ? draft_.raw->reverse : draft_.from;
  if (!authors.empty()) {
    auto domain = draft_.complete(authors.front()).domain;
    if (usable(domain)) return domain;
  }
  return "localhost";
}

bool Composer::lacks(std::string_view name) const {
  return !draft_.raw || !draft_.raw->has(lower(name));
}

void Composer::add_field(std::string_view name, const std::string& formatted) {
  if (!lacks(name)) return;
  header_ += formatted;
}

void Composer::add_addresses(std::string_view name, const std::vector<Address>& addresses) {
  if (addresses.empty() || !lacks(name)) return;
  auto complete = addresses;
  for (auto& address : complete) {
    address.mailbox = draft_.complete(address);
    utf8_ = utf8_ || address.mailbox.needs_utf8();
  }
  add_field(name, format_address_field(name, complete));
}

void Composer::add_ids(std::string_view name, const std::vector<std::string>& ids) {
  if (ids.empty()) return;
  FoldedField field(name);
  for (const auto& id : ids) field.word(id);
  add_field(name, std::move(field).finish());
}

void Composer::add_priority() {
  if (!draft_.priority) return;
  static constexpr std::array<std::string_view, 3> words{"high", "normal", "low"};
  static constexpr std::array<std::string_view, 3> numbers{"1", "3", "5"};
  const auto level = static_cast<std::size_t>(*draft_.priority);
  add_field("Importance", "Importance: " + std::string(words[level]) + "\r\n");
  add_field("X-Priority", "X-Priority: " + std::string(numbers[level]) + "\r\n");
}

void Composer::add_unsubscribe() {
  const auto& urls = draft_.unsubscribe.urls;
  if (urls.empty()) return;
  FoldedField field("List-Unsubscribe");
  for (std::size_t i = 0; i < urls.size(); ++i)
    field.word('<' + urls[i] + (i + 1 == urls.size() ? ">" : ">,"));
  add_field("List-Unsubscribe", std::move(field).finish());
  if (draft_.unsubscribe.one_click)
    add_field("List-Unsubscribe-Post", "List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n");
}

void Composer::add_header() {
  add_field("Date", "Date: " + format_date(draft_.date.value_or(nonces_.date())) + "\r\n");
  add_addresses("From", draft_.from);
  // A message with several authors must have a Sender (RFC 5322 §3.6.2).
  const bool many = draft_.from.size() > 1 && draft_.sender.empty();
  add_addresses("Sender", many ? std::vector{draft_.from.front()} : draft_.sender);
  add_addresses("Reply-To", draft_.reply_to);
  add_addresses("To", draft_.to);
  add_addresses("Cc", draft_.cc);
  if (draft_.subject) add_field("Subject", format_text_field("Subject", *draft_.subject));
  if (lacks("Message-ID")) {
    const auto id = draft_.message_id.value_or('<' + nonces_.word() + '@' + id_host() + '>');
    header_ += "Message-ID: " + id + "\r\n";
  }
  add_ids("In-Reply-To", draft_.in_reply_to);
  add_ids("References", draft_.references);
  add_priority();
  add_unsubscribe();
  for (const auto& [name, value] : draft_.fields) {
    const bool plain = std::all_of(value.begin(), value.end(),
                                   [](char c) { return (c >= ' ' && c < 0x7f) || c == '\t'; });
    FoldedField field(name);
    plain ? field.plain(value) : field.encoded(value);
    add_field(name, std::move(field).finish());
  }
}

Result<void> Composer::add_body() {
  auto tree = body_tree(draft_, [&] { return nonces_.word() + '@' + id_host(); });
  if (!tree) return tree.error();
  EntityWriter writer(*source_, transfer_, [&] { return nonces_.word(); });
  writer.add_text(header_ + "MIME-Version: 1.0\r\n");
  if (auto added = writer.add(*tree); !added) return added.error();
  writer.finish();
  source_->set_8bit(utf8_ || writer.is_8bit(), utf8_);
  source_->set_binary(writer.is_binary());
  return {};
}

Result<void> Composer::add_raw() {
  const auto& raw = *draft_.raw;
  const auto front = std::string_view(*raw.bytes).substr(0, raw.header_end);
  const auto transfer = transfer_ != Transfer::seven_bit || raw.needs_utf8 ? Transfer::eight_bit
                                                                           : Transfer::seven_bit;
  if (raw.traits.fit(transfer)) {
    source_->add_shared(raw.bytes, 0, raw.header_end);
    source_->add_text(std::move(header_));
    source_->add_shared(raw.bytes, raw.header_end, std::string::npos);
    source_->set_8bit(utf8_ || raw.traits.is_8bit, utf8_ || raw.needs_utf8);
    return {};
  }
  // The added fields are the last ones of the header; the message is encoded with them.
  auto recoded = recode(
      std::string(front) + header_ + std::string(*raw.bytes).substr(raw.header_end), transfer);
  if (!recoded) return recoded.error();
  const bool is_8bit = traits_of(*recoded).is_8bit;
  source_->add_text(std::move(*recoded));
  source_->set_8bit(utf8_ || is_8bit, utf8_ || raw.needs_utf8);
  return {};
}

Result<void> Composer::sign() {
  for (const auto& signer : draft_.signers) {
    auto fields = signer->sign(*source_);
    if (!fields) return fields.error();
    if (!source_->rewind())
      return fail(Fault::io, "message",
                  "cannot be read again after signing; an attached file or stream does not open");
    source_->prepend_text(std::move(*fields));
  }
  return {};
}

Result<std::unique_ptr<SegmentSource>> Composer::whole() {
  nonces_.begin();
  if (draft_.from.empty() && !draft_.raw)
    return fail(Fault::input, "From", "no sender; set one with from()");
  add_header();
  if (auto added = draft_.raw ? add_raw() : add_body(); !added) return added.error();
  if (auto made = sign(); !made) return made.error();
  return std::move(source_);
}

// A message in the form for the server that offered() described last.
class ComposedSource final : public MessageSource {
 public:
  ComposedSource(std::shared_ptr<const Draft> draft, const ComposeOptions& options)
      : draft_(std::move(draft)), host_(options.host), nonces_(options) {}

  Result<void> compose(Transfer transfer) {
    auto made = Composer(*draft_, host_, nonces_, transfer).whole();
    if (!made) return made.error();
    current_ = std::move(*made);
    transfer_ = transfer;
    return {};
  }

  void offered(const ServerOffer& offer) override {
    // A signed message was composed in the form that every server accepts (RFC 6376 §5.3).
    if (!draft_->signers.empty()) return;
    const auto wanted = offer.binary && !draft_->raw ? Transfer::binary
                        : offer.eight_bit            ? Transfer::eight_bit
                                                     : Transfer::seven_bit;
    // Only some messages differ from server to server.
    const bool varies = draft_->raw ? draft_->raw->traits.is_8bit : draft_->has_body();
    error_.reset();
    if (wanted == transfer_ || !varies) return;
    if (auto made = compose(wanted); !made) error_ = made.error();
  }

  Result<std::string_view> next() override {
    if (error_) return *error_;
    return current_->next();
  }
  bool rewind() override { return current_->rewind(); }
  [[nodiscard]] std::optional<std::uint64_t> size() const override { return current_->size(); }
  [[nodiscard]] bool is_8bit() const override { return current_->is_8bit(); }
  [[nodiscard]] bool is_binary() const override { return current_->is_binary(); }
  [[nodiscard]] bool needs_utf8() const override { return current_->needs_utf8(); }

 private:
  std::shared_ptr<const Draft> draft_;
  std::string host_;
  Nonces nonces_;
  Transfer transfer_ = Transfer::seven_bit;
  std::unique_ptr<SegmentSource> current_;
  std::optional<Error> error_;
};

}  // namespace

Result<std::unique_ptr<MessageSource>> compose(std::shared_ptr<const Draft> draft,
                                               const ComposeOptions& options) {
  if (draft->raw && draft->has_body()) {
    return fail(Fault::input, "raw message",
                "raw() cannot be combined with text, html or attachments; use one or the other");
  }
  // A raw message keeps its bytes until a server does not accept them.
  const bool as_it_is = draft->raw && draft->signers.empty();
  auto source = std::make_unique<ComposedSource>(std::move(draft), options);
  if (auto made = source->compose(as_it_is ? Transfer::eight_bit : Transfer::seven_bit); !made)
    return made.error();
  return std::unique_ptr<MessageSource>(std::move(source));
}

}  // namespace postroad::mail
