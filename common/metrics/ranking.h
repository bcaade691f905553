// Finding the text that belongs to an image among all texts of a split, and the image of a text.
//
//   ranking  {images, of them with their text among the first 1, 5, 10, then the same of texts}: recall@k both ways,
//   and
//            the mean of the six. As in Karpathy, Fei-Fei 2015, arXiv:1412.2306, section 4.2. Each site searches its
//            own split alone; over sites these are means over all queries, easier than a search among all sites'
//            examples. Of equal scores the earlier one comes first.
#pragma once
#include "common/metrics/kind.h"

namespace weft::metrics {

enum class Query { image, text };

// Some of N queries of one kind, from number `first` on: their similarities with all N candidates of the other kind,
// row after row. Text i belongs to image i. A split is counted when all its images and all its texts have been queries.
void add_ranking(Tally& tally, Query query, CountsView scores, std::size_t n, std::size_t first);
// None yet.
void add_ranking(Tally& tally);

Kind ranking_kind();

}  // namespace weft::metrics
