// The same as smtp_send.cpp by libcurl: one easy handle, or as many as there are connections in a
// multi handle, each used again for its next message.
#include <curl/curl.h>

#include <cstring>
#include <iostream>
#include <string>
#include <vector>

namespace {

struct Upload {
  const std::string* text;
  std::size_t at = 0;
};

std::size_t read_some(char* into, std::size_t size, std::size_t count, void* data) {
  auto& upload = *static_cast<Upload*>(data);
  const auto n = std::min(size * count, upload.text->size() - upload.at);
  std::memcpy(into, upload.text->data() + upload.at, n);
  upload.at += n;
  return n;
}

CURL* make_handle(const char* url, Upload& upload, curl_slist* to) {
  CURL* handle = curl_easy_init();
  curl_easy_setopt(handle, CURLOPT_URL, url);
  curl_easy_setopt(handle, CURLOPT_MAIL_FROM, "<a@bench.example>");
  curl_easy_setopt(handle, CURLOPT_MAIL_RCPT, to);
  curl_easy_setopt(handle, CURLOPT_READFUNCTION, read_some);
  curl_easy_setopt(handle, CURLOPT_READDATA, &upload);
  curl_easy_setopt(handle, CURLOPT_UPLOAD, 1L);
  return handle;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 5) return 64;
  const std::size_t connections = std::stoul(argv[2]);
  std::size_t messages = std::stoul(argv[3]);
  std::string text = "Subject: bench\r\n\r\n";
  while (text.size() < std::stoul(argv[4]))
    text += "0123456789012345678901234567890123456789012345678901234567890123\r\n";
  curl_global_init(CURL_GLOBAL_DEFAULT);
  curl_slist* to = curl_slist_append(nullptr, "<b@bench.example>");
  std::vector<Upload> uploads(connections, Upload{&text});
  if (connections == 1) {
    CURL* handle = make_handle(argv[1], uploads[0], to);
    for (; messages > 0; --messages) {
      uploads[0].at = 0;
      if (curl_easy_perform(handle) != CURLE_OK) return 1;
    }
    curl_easy_cleanup(handle);
    return 0;
  }
  CURLM* multi = curl_multi_init();
  std::size_t under_way = 0;
  for (auto& upload : uploads) {
    if (messages == 0) break;
    CURL* handle = make_handle(argv[1], upload, to);
    curl_easy_setopt(handle, CURLOPT_PRIVATE, &upload);
    curl_multi_add_handle(multi, handle);
    ++under_way;
    --messages;
  }
  while (under_way > 0) {
    int running = 0;
    curl_multi_perform(multi, &running);
    int left = 0;
    while (const CURLMsg* message = curl_multi_info_read(multi, &left)) {
      if (message->data.result != CURLE_OK) return 1;
      CURL* handle = message->easy_handle;
      curl_multi_remove_handle(multi, handle);
      --under_way;
      if (messages == 0) continue;
      Upload* upload = nullptr;
      curl_easy_getinfo(handle, CURLINFO_PRIVATE, &upload);
      upload->at = 0;
      curl_multi_add_handle(multi, handle);
      ++under_way;
      --messages;
    }
    if (under_way > 0) curl_multi_poll(multi, nullptr, 0, 1000, nullptr);
  }
  return 0;
}
