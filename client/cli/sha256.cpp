#include "client/cli/sha256.hpp"

#include <openssl/evp.h>

#include <algorithm>
#include <cctype>
#include <fstream>
#include <memory>
#include <vector>

namespace nanoflow::cli {

std::string sha256_of_file(const std::filesystem::path& path,
                           const std::function<void(double done_bytes)>& progress) {
  const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context(EVP_MD_CTX_new(),
                                                                        EVP_MD_CTX_free);
  if (!context || EVP_DigestInit_ex(context.get(), EVP_sha256(), nullptr) != 1)
    throw std::runtime_error("no SHA-256 in this libcrypto");
  std::ifstream file(path, std::ios::binary);
  if (!file) throw std::runtime_error("cannot read " + path.string());
  std::vector<char> block(1 << 20);
  double done = 0;
  while (file.read(block.data(), std::streamsize(block.size())) || file.gcount() > 0) {
    EVP_DigestUpdate(context.get(), block.data(), std::size_t(file.gcount()));
    done += double(file.gcount());
    if (progress) progress(done);
  }
  if (file.bad()) throw std::runtime_error("cannot read " + path.string());
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned length = 0;
  EVP_DigestFinal_ex(context.get(), digest, &length);
  std::string hex;
  for (unsigned i = 0; i < length; ++i) {
    hex += "0123456789abcdef"[digest[i] >> 4];
    hex += "0123456789abcdef"[digest[i] & 15];
  }
  return hex;
}

bool is_sha256(const std::string& text) {
  return text.size() == 64 &&
         std::all_of(text.begin(), text.end(), [](unsigned char c) { return std::isxdigit(c); });
}

}  // namespace nanoflow::cli
