// A BIO of send(MSG_NOSIGNAL) and recv; see socket_bio.hpp.
#include "net/socket_bio.hpp"

#include <openssl/bio.h>
#include <openssl/ssl.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstdint>

namespace postroad::net {

namespace {

int descriptor_of(BIO* bio) {
  return static_cast<int>(reinterpret_cast<std::intptr_t>(BIO_get_data(bio)));
}

bool again() { return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR; }

int write(BIO* bio, const char* bytes, int count) {
  BIO_clear_retry_flags(bio);
  const auto n = ::send(descriptor_of(bio), bytes, static_cast<std::size_t>(count), MSG_NOSIGNAL);
  if (n < 0 && again()) BIO_set_retry_write(bio);
  return static_cast<int>(n);
}

int read(BIO* bio, char* into, int count) {
  BIO_clear_retry_flags(bio);
  const auto n = ::recv(descriptor_of(bio), into, static_cast<std::size_t>(count), 0);
  if (n < 0 && again()) BIO_set_retry_read(bio);
  if (n == 0) BIO_set_flags(bio, BIO_FLAGS_IN_EOF);
  return static_cast<int>(n);
}

long control(BIO* bio, int command, long, void*) {
  switch (command) {
    case BIO_CTRL_FLUSH:
      return 1;
    case BIO_CTRL_EOF:
      return BIO_test_flags(bio, BIO_FLAGS_IN_EOF) != 0 ? 1 : 0;
    default:
      return 0;
  }
}

BIO_METHOD* method() {
  static BIO_METHOD* const made = [] {
    auto* m = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "postroad socket");
    const bool is_whole = m != nullptr && BIO_meth_set_write(m, write) == 1 &&
                          BIO_meth_set_read(m, read) == 1 && BIO_meth_set_ctrl(m, control) == 1;
    return is_whole ? m : nullptr;
  }();
  return made;
}

}  // namespace

bool set_socket(ssl_st* ssl, int descriptor) {
  BIO* bio = method() == nullptr ? nullptr : BIO_new(method());
  if (bio == nullptr) return false;
  BIO_set_data(bio, reinterpret_cast<void*>(static_cast<std::intptr_t>(descriptor)));
  BIO_set_init(bio, 1);
  SSL_set_bio(ssl, bio, bio);
  return true;
}

}  // namespace postroad::net
