// The benchmark of composing and parsing messages with Postroad; see mail_case.hpp.
// `mail_postroad write MAIL 0 FOLDER` writes the message that all programs parse.
#include <fcntl.h>
#include <unistd.h>

#include <iostream>
#include <vector>

#include <postroad/address.hpp>
#include <postroad/mail_part.hpp>
#include <postroad/mail_reader.hpp>
#include <postroad/message.hpp>
#include <postroad/transfer_decoder.hpp>

#include "mail/header/words.hpp"
#include "mail_case.hpp"

namespace {

using namespace postroad;

// The content that exists before composing: bodies, and attachments that all messages share.
struct Content {
  std::string text = mail_case::text();
  std::string html = mail_case::html();
  std::vector<MimePart> parts;
};

Content content_of(const mail_case::Call& call) {
  Content content;
  if (call.mail != "mixed") return content;
  for (std::size_t i = 0; i < mail_case::attachments; ++i)
    content.parts.push_back(
        MimePart::bytes("image/jpeg", mail_case::noise(mail_case::attached_bytes))
            .attachment("bild.jpg"));
  return content;
}

std::string list_of(std::string_view name, std::string_view address) {
  return std::string(name) + " <" + std::string(address) + '>';
}

// Passes each chunk to `sink`.
template <typename Sink>
mail_case::Round compose(const mail_case::Call& call, const Content& content, Sink sink) {
  Message message;
  message.from(list_of(mail_case::from_name, mail_case::from_address)).subject(mail_case::subject);
  for (std::size_t i = 0; i < 2; ++i)
    message.to(list_of(mail_case::to_names[i], mail_case::to_addresses[i]));
  message.text(content.text);
  if (call.mail == "mixed") message.html(content.html);
  for (const auto& part : content.parts) message.attach(part);
  if (call.mail == "large") message.attach(call.attached());
  auto source = message.source();
  if (!source) return {};
  mail_case::Round round;
  for (;;) {
    const auto piece = (*source)->next();
    if (!piece) return {};
    if (piece->empty()) return round;
    round.bytes += piece->size();
    sink(*piece);
  }
}

// The size of the decoded subject and addresses; 0 if one is missing.
template <typename Head>
std::size_t header_size(const Head& head) {
  std::size_t size = 0;
  for (const auto* name : {"From", "To"}) {
    const auto* field = head.find(name);
    const auto list = field ? parse_address_list(field->value()) : fail(Fault::input, {}, {});
    if (!list) return 0;
    for (const auto& one : *list) size += one.name.size() + one.mailbox.domain.size();
  }
  const auto* subject = head.find("Subject");
  return subject == nullptr ? 0 : size + mail::decode_words(subject->value()).size();
}

std::uint64_t decoded_size(const MailPart& part) {
  if (part.parts.empty()) return part.decoded().size();
  std::uint64_t size = 0;
  for (const auto& below : part.parts) size += decoded_size(below);
  return size;
}

mail_case::Round parse(const std::string& bytes) {
  const auto root = MailPart::parse(bytes);
  if (header_size(root) == 0) return {};
  return {bytes.size(), decoded_size(root)};
}

// Decodes the streamed bodies.
class DecodingSink final : public PartSink {
 public:
  void begin(const PartHead& head) override {
    if (head.header_offset == 0) is_good_ = header_size(head) != 0;
    decoder_ = TransferDecoder(head.encoding);
  }
  void body(std::string_view bytes) override {
    decoder_.take(bytes, out_);
    decoded_ += out_.size();
    out_.clear();
  }
  void end(std::uint64_t /*offset*/, bool /*cut*/) override {
    decoder_.finish(out_);
    body({});
  }
  [[nodiscard]] std::uint64_t decoded() const noexcept { return is_good_ ? decoded_ : 0; }

 private:
  TransferDecoder decoder_{""};
  std::string out_;
  std::uint64_t decoded_ = 0;
  bool is_good_ = false;
};

mail_case::Round parse_stream(const std::string& path) {
  const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  std::vector<char> buffer(64 * 1024);
  DecodingSink sink;
  MailReader reader(sink);
  mail_case::Round round;
  for (;;) {
    const auto n = read(file, buffer.data(), buffer.size());
    if (n <= 0) break;
    round.bytes += static_cast<std::uint64_t>(n);
    reader.take({buffer.data(), static_cast<std::size_t>(n)});
  }
  close(file);
  reader.finish();
  round.decoded = sink.decoded();
  return round;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 5) return 64;
  const auto call = mail_case::call_of(argv);
  if (call.work == "parse") {
    if (call.mail == "large") return measure(call, [&] { return parse_stream(call.path()); });
    const auto bytes = mail_case::contents(call.path());
    return measure(call, [&] { return parse(bytes); });
  }
  const auto content = content_of(call);
  if (call.work == "write") {
    std::ofstream file(call.path(), std::ios::binary);
    return compose(call, content, [&](std::string_view piece) { file << piece; }).bytes == 0;
  }
  return measure(call, [&] { return compose(call, content, [](std::string_view) {}); });
}
