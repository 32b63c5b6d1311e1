// The benchmark of mail_postroad.cpp with GMime. Encodings and charsets are given to it; memory and
// files are streams that it does not copy; bodies are decoded into its null stream. See
// mail_case.hpp.
#include <fcntl.h>
#include <gmime/gmime.h>

#include <vector>

#include "mail_case.hpp"

namespace {

// The content that exists before composing.
struct Content {
  std::string text = mail_case::text();
  std::string html = mail_case::html();
  std::string noise = mail_case::noise(mail_case::attached_bytes);
};

// A stream that shares `bytes`.
GMimeStream* stream_of(const std::string& bytes, GByteArray& view) {
  view.data = reinterpret_cast<guint8*>(const_cast<char*>(bytes.data()));
  view.len = static_cast<guint>(bytes.size());
  GMimeStream* stream = g_mime_stream_mem_new();
  g_mime_stream_mem_set_byte_array(GMIME_STREAM_MEM(stream), &view);
  return stream;
}

// Takes ownership of `stream`.
GMimeObject* part_of(GMimePart* part, GMimeStream* stream, GMimeContentEncoding encoding) {
  GMimeDataWrapper* data =
      g_mime_data_wrapper_new_with_stream(stream, GMIME_CONTENT_ENCODING_DEFAULT);
  g_object_unref(stream);
  g_mime_part_set_content(part, data);
  g_object_unref(data);
  g_mime_part_set_content_encoding(part, encoding);
  return GMIME_OBJECT(part);
}

GMimeObject* text_of(const char* subtype, const std::string& text, GByteArray& view) {
  GMimeTextPart* part = g_mime_text_part_new_with_subtype(subtype);
  g_mime_text_part_set_charset(part, "utf-8");
  return part_of(GMIME_PART(part), stream_of(text, view), GMIME_CONTENT_ENCODING_QUOTEDPRINTABLE);
}

GMimeObject* attached(const char* type, const char* subtype, const char* name,
                      GMimeStream* stream) {
  GMimePart* part = g_mime_part_new_with_type(type, subtype);
  g_mime_part_set_filename(part, name);
  return part_of(part, stream, GMIME_CONTENT_ENCODING_BASE64);
}

void add(GMimeMultipart* multipart, GMimeObject* part) {
  g_mime_multipart_add(multipart, part);
  g_object_unref(part);
}

// The body of the message, which the caller owns.
GMimeObject* body_of(const mail_case::Call& call, const Content& content,
                     std::vector<GByteArray>& views) {
  GMimeObject* text = text_of("plain", content.text, views[0]);
  if (call.mail == "small") return text;
  GMimeMultipart* mixed = g_mime_multipart_new_with_subtype("mixed");
  if (call.mail == "large") {
    add(mixed, text);
    add(mixed, attached("application", "octet-stream", "large.bin",
                        g_mime_stream_fs_open(call.attached().c_str(), O_RDONLY, 0, nullptr)));
    return GMIME_OBJECT(mixed);
  }
  GMimeMultipart* both = g_mime_multipart_new_with_subtype("alternative");
  add(both, text);
  add(both, text_of("html", content.html, views[1]));
  add(mixed, GMIME_OBJECT(both));
  for (std::size_t i = 0; i < mail_case::attachments; ++i)
    add(mixed, attached("image", "jpeg", "bild.jpg", stream_of(content.noise, views[2 + i])));
  return GMIME_OBJECT(mixed);
}

// Without a charset, GMime would search for one that fits the name.
void add(InternetAddressList* list, std::string_view name, std::string_view address) {
  InternetAddress* mailbox = internet_address_mailbox_new(name.data(), address.data());
  internet_address_set_charset(mailbox, "utf-8");
  internet_address_list_add(list, mailbox);
  g_object_unref(mailbox);
}

mail_case::Round compose(const mail_case::Call& call, const Content& content,
                         GMimeFormatOptions* format) {
  std::vector<GByteArray> views(2 + mail_case::attachments);
  GMimeMessage* message = g_mime_message_new(TRUE);
  add(g_mime_message_get_from(message), mail_case::from_name, mail_case::from_address);
  for (std::size_t i = 0; i < 2; ++i)
    add(g_mime_message_get_to(message), mail_case::to_names[i], mail_case::to_addresses[i]);
  g_mime_message_set_subject(message, mail_case::subject.data(), "utf-8");
  GDateTime* now = g_date_time_new_now_utc();
  g_mime_message_set_date(message, now);
  g_date_time_unref(now);
  char* id = g_mime_utils_generate_message_id("bench.example");
  g_mime_message_set_message_id(message, id);
  g_free(id);
  GMimeObject* body = body_of(call, content, views);
  g_mime_message_set_mime_part(message, body);
  g_object_unref(body);
  GMimeStream* sink = g_mime_stream_null_new();
  g_mime_object_write_to_stream(GMIME_OBJECT(message), format, sink);
  const mail_case::Round round{GMIME_STREAM_NULL(sink)->written};
  g_object_unref(sink);
  g_object_unref(message);
  return round;
}

// The size of the decoded subject and addresses; 0 if one is missing.
std::size_t header_size(GMimeMessage* message) {
  std::size_t size = 0;
  for (auto* list : {g_mime_message_get_from(message), g_mime_message_get_to(message)}) {
    if (list == nullptr) return 0;
    for (int i = 0; i < internet_address_list_length(list); ++i) {
      auto* one = internet_address_list_get_address(list, i);
      const char* name = internet_address_get_name(one);
      const char* address = internet_address_mailbox_get_addr(INTERNET_ADDRESS_MAILBOX(one));
      size += std::string_view(name).size() + std::string_view(address).size();
    }
  }
  const char* subject = g_mime_message_get_subject(message);
  return subject == nullptr ? 0 : size + std::string_view(subject).size();
}

// Takes ownership of `stream`. A filter decodes the content into a null stream.
mail_case::Round parse(GMimeStream* stream) {
  mail_case::Round round{static_cast<std::uint64_t>(g_mime_stream_length(stream))};
  GMimeParser* parser = g_mime_parser_new_with_stream(stream);
  g_object_unref(stream);
  GMimeMessage* message = g_mime_parser_construct_message(parser, nullptr);
  g_object_unref(parser);
  if (message == nullptr || header_size(message) == 0) return {};
  GMimeStream* sink = g_mime_stream_null_new();
  GMimePartIter* parts = g_mime_part_iter_new(GMIME_OBJECT(message));
  do {
    GMimeObject* part = g_mime_part_iter_get_current(parts);
    if (GMIME_IS_PART(part))
      g_mime_data_wrapper_write_to_stream(g_mime_part_get_content(GMIME_PART(part)), sink);
  } while (g_mime_part_iter_next(parts));
  g_mime_part_iter_free(parts);
  round.decoded = GMIME_STREAM_NULL(sink)->written;
  g_object_unref(sink);
  g_object_unref(message);
  return round;
}

mail_case::Round parse_memory(const std::string& bytes) {
  GByteArray view;
  return parse(stream_of(bytes, view));
}

mail_case::Round parse_file(const std::string& path) {
  return parse(g_mime_stream_fs_open(path.c_str(), O_RDONLY, 0, nullptr));
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 5) return 64;
  const auto call = mail_case::call_of(argv);
  g_mime_init();
  if (call.work == "parse") {
    if (call.mail == "large") return measure(call, [&] { return parse_file(call.path()); });
    const auto bytes = mail_case::contents(call.path());
    return measure(call, [&] { return parse_memory(bytes); });
  }
  GMimeFormatOptions* format = g_mime_format_options_new();
  g_mime_format_options_set_newline_format(format, GMIME_NEWLINE_FORMAT_DOS);
  const Content content;
  return measure(call, [&] { return compose(call, content, format); });
}
