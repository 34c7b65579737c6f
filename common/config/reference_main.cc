// Prints the tables of docs/job_file.md from the descriptor set that //common/config:job_descriptors makes.
#include <cstdio>
#include <fstream>
#include <iostream>

#include "common/config/reference.h"

int main(int argc, char** argv) {
  google::protobuf::FileDescriptorSet files;
  std::ifstream in(argc == 2 ? argv[1] : "", std::ios::binary);
  if (!in || !files.ParseFromIstream(&in)) {
    std::fprintf(stderr, "usage: reference_main DESCRIPTOR_SET\n");
    return 2;
  }
  std::cout << banyan::config::JobReference(files);
  return 0;
}
