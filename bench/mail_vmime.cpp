// The benchmark of mail_postroad.cpp with VMime: its message builder, and its parser over a string
// or over a file that it reads as a seekable stream. See mail_case.hpp.
#include <vmime/platforms/posix/posixHandler.hpp>
#include <vmime/vmime.hpp>

#include <vector>

#include "mail_case.hpp"

namespace {

const vmime::charset utf8("utf-8");

// The content that exists before composing.
struct Content {
  std::string text = mail_case::text();
  std::string html = mail_case::html();
  std::vector<vmime::shared_ptr<vmime::attachment>> attachments;
};

class Counter final : public vmime::utility::outputStream {
 public:
  void flush() override {}
  [[nodiscard]] std::uint64_t bytes() const noexcept { return bytes_; }

 protected:
  void writeImpl(const vmime::byte_t* /*data*/, std::size_t count) override { bytes_ += count; }

 private:
  std::uint64_t bytes_ = 0;
};

vmime::shared_ptr<vmime::mailbox> mailbox_of(std::string_view name, std::string_view address) {
  return vmime::make_shared<vmime::mailbox>(vmime::text(std::string(name), utf8),
                                            vmime::emailAddress(std::string(address)));
}

vmime::shared_ptr<vmime::attachment> attached(
    const vmime::shared_ptr<const vmime::contentHandler>& bytes, const char* type,
    const char* name) {
  return vmime::make_shared<vmime::defaultAttachment>(bytes, vmime::encoding("base64"),
                                                      vmime::mediaType(type), vmime::text(),
                                                      vmime::word(name, utf8));
}

Content content_of(const mail_case::Call& call) {
  Content content;
  if (call.mail != "mixed") return content;
  for (std::size_t i = 0; i < mail_case::attachments; ++i)
    content.attachments.push_back(attached(vmime::make_shared<vmime::stringContentHandler>(
                                               mail_case::noise(mail_case::attached_bytes)),
                                           "image/jpeg", "bild.jpg"));
  return content;
}

vmime::shared_ptr<vmime::utility::file> file_at(const std::string& path) {
  const auto files = vmime::platform::getHandler()->getFileSystemFactory();
  return files->create(files->stringToPath(path));
}

mail_case::Round compose(const mail_case::Call& call, const Content& content) {
  vmime::messageBuilder builder;
  builder.setExpeditor(*mailbox_of(mail_case::from_name, mail_case::from_address));
  vmime::addressList to;
  for (std::size_t i = 0; i < 2; ++i)
    to.appendAddress(mailbox_of(mail_case::to_names[i], mail_case::to_addresses[i]));
  builder.setRecipients(to);
  builder.setSubject(vmime::text(std::string(mail_case::subject), utf8));
  const auto text = vmime::make_shared<vmime::stringContentHandler>(content.text);
  if (call.mail == "mixed") {
    builder.constructTextPart(vmime::mediaType("text/html"));
    const auto part = vmime::dynamicCast<vmime::htmlTextPart>(builder.getTextPart());
    part->setText(vmime::make_shared<vmime::stringContentHandler>(content.html));
    part->setPlainText(text);
  } else {
    builder.getTextPart()->setText(text);
  }
  builder.getTextPart()->setCharset(utf8);
  for (const auto& one : content.attachments) builder.attach(one);
  if (call.mail == "large")
    builder.attach(attached(vmime::make_shared<vmime::fileContentHandler>(file_at(call.attached())),
                            "application/octet-stream", "large.bin"));
  Counter sink;
  const auto message = builder.construct();
  message->getHeader()->MessageId()->setValue(vmime::messageId::generateId());
  message->generate(sink);
  return {sink.bytes()};
}

// The size of the decoded subject and addresses; 0 if one is missing.
std::size_t header_size(const vmime::shared_ptr<const vmime::header>& header) {
  const auto from = header->findFieldValue<vmime::mailbox>("From");
  const auto to = header->findFieldValue<vmime::addressList>("To");
  const auto subject = header->findFieldValue<vmime::text>("Subject");
  if (!from || !to || !subject) return 0;
  const auto recipients = to->toMailboxList();
  auto size = from->getName().getConvertedText(utf8).size() + from->getEmail().toString().size();
  for (std::size_t i = 0; i < recipients->getMailboxCount(); ++i) {
    const auto one = recipients->getMailboxAt(i);
    size += one->getName().getConvertedText(utf8).size() + one->getEmail().toString().size();
  }
  return size + subject->getConvertedText(utf8).size();
}

void decode(const vmime::shared_ptr<const vmime::bodyPart>& part, Counter& sink) {
  const auto body = part->getBody();
  for (std::size_t i = 0; i < body->getPartCount(); ++i) decode(body->getPartAt(i), sink);
  if (body->getPartCount() == 0) body->getContents()->extract(sink);
}

mail_case::Round finish(const vmime::shared_ptr<vmime::message>& message, std::size_t bytes) {
  if (header_size(message->getHeader()) == 0) return {};
  Counter sink;
  decode(message, sink);
  return {bytes, sink.bytes()};
}

mail_case::Round parse_memory(const std::string& bytes) {
  const auto message = vmime::make_shared<vmime::message>();
  message->parse(bytes);
  return finish(message, bytes.size());
}

mail_case::Round parse_file(const std::string& path) {
  const auto file = file_at(path);
  const auto message = vmime::make_shared<vmime::message>();
  message->parse(file->getFileReader()->getInputStream(), file->getLength());
  return finish(message, file->getLength());
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 5) return 64;
  const auto call = mail_case::call_of(argv);
  vmime::platform::setHandler<vmime::platforms::posix::posixHandler>();
  if (call.work == "parse") {
    if (call.mail == "large") return measure(call, [&] { return parse_file(call.path()); });
    const auto bytes = mail_case::contents(call.path());
    return measure(call, [&] { return parse_memory(bytes); });
  }
  const auto content = content_of(call);
  return measure(call, [&] { return compose(call, content); });
}
