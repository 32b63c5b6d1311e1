// The table of file extensions; see media_type.hpp. An .eml file is application/octet-stream
// because message/rfc822 may not be encoded.
#include "mail/header/media_type.hpp"

#include <array>
#include <utility>

#include "base/text.hpp"

namespace postroad::mail {

namespace {

using Row = std::pair<std::string_view, std::string_view>;
constexpr auto rows = std::to_array<Row>({
    {"7z", "application/x-7z-compressed"},
    {"avif", "image/avif"},
    {"bmp", "image/bmp"},
    {"bz2", "application/x-bzip2"},
    {"css", "text/css"},
    {"csv", "text/csv"},
    {"doc", "application/msword"},
    {"eml", "application/octet-stream"},
    {"epub", "application/epub+zip"},
    {"gif", "image/gif"},
    {"gz", "application/gzip"},
    {"htm", "text/html"},
    {"html", "text/html"},
    {"ics", "text/calendar"},
    {"jpeg", "image/jpeg"},
    {"jpg", "image/jpeg"},
    {"js", "text/javascript"},
    {"json", "application/json"},
    {"log", "text/plain"},
    {"md", "text/markdown"},
    {"mp3", "audio/mpeg"},
    {"mp4", "video/mp4"},
    {"odp", "application/vnd.oasis.opendocument.presentation"},
    {"ods", "application/vnd.oasis.opendocument.spreadsheet"},
    {"odt", "application/vnd.oasis.opendocument.text"},
    {"ogg", "audio/ogg"},
    {"pdf", "application/pdf"},
    {"png", "image/png"},
    {"ppt", "application/vnd.ms-powerpoint"},
    {"pptx", "application/vnd.openxmlformats-officedocument.presentationml.presentation"},
    {"rtf", "application/rtf"},
    {"svg", "image/svg+xml"},
    {"tar", "application/x-tar"},
    {"tiff", "image/tiff"},
    {"txt", "text/plain"},
    {"vcf", "text/vcard"},
    {"wav", "audio/x-wav"},
    {"webm", "video/webm"},
    {"webp", "image/webp"},
    {"xls", "application/vnd.ms-excel"},
    {"xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"},
    {"xml", "application/xml"},
    {"xz", "application/x-xz"},
    {"zip", "application/zip"},
});

bool is_token(std::string_view text) noexcept {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return is_alnum(c) || std::string_view("!#$&-^_.+").find(c) != std::string_view::npos;
  });
}

}  // namespace

std::string_view media_type_of(std::string_view file_name) noexcept {
  const auto dot = file_name.rfind('.');
  const auto extension =
      dot == std::string_view::npos ? std::string_view() : file_name.substr(dot + 1);
  for (const auto& [known, type] : rows) {
    if (iequals(known, extension)) return type;
  }
  return "application/octet-stream";
}

bool is_attachable_type(std::string_view type) noexcept {
  const auto essence = trim(type.substr(0, type.find(';')));
  const auto slash = essence.find('/');
  if (slash == std::string_view::npos) return false;
  if (istarts_with(essence, "multipart/") || istarts_with(essence, "message/")) return false;
  return is_token(essence.substr(0, slash)) && is_token(essence.substr(slash + 1));
}

bool is_message_type(std::string_view type) noexcept {
  return type == "message/rfc822" || type == "message/global";
}

}  // namespace postroad::mail
