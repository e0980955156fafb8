"""Models of data without actions, and sources of such data whose factors are known.

`models.data` holds the sources, `models.image` the models of images, `models.objects` those of scenes of
objects, `models.text` those of sentences, `models.video` those of videos. Sources are factor sources, models
are learners: every metric and every figure for environments and learners works for them too.
"""

from unknot.checks import require

require("learn", "torch")

from unknot.models.data.blob import Blob  # noqa: E402
from unknot.models.data.characters import Characters  # noqa: E402
from unknot.models.data.files import read_dsprites, read_shapes3d  # noqa: E402
from unknot.models.data.gallery import Gallery, read_images, render_gallery  # noqa: E402
from unknot.models.data.heads import RenderedHeads  # noqa: E402
from unknot.models.data.help_pages import read_help_pages  # noqa: E402
from unknot.models.data.letters import letters  # noqa: E402
from unknot.models.data.mechanisms import MECHANISMS, Transformed, apply_mechanism  # noqa: E402
from unknot.models.data.moving_digits import MovingDigits  # noqa: E402
from unknot.models.data.natural import natural_images  # noqa: E402
from unknot.models.data.nuisance import Nuisance  # noqa: E402
from unknot.models.data.parallel import read_europarl, read_multi30k  # noqa: E402
from unknot.models.data.scenes import Scenes  # noqa: E402
from unknot.models.data.selection import Selection  # noqa: E402
from unknot.models.data.sentences import Reviews  # noqa: E402
from unknot.models.data.sentiment import (  # noqa: E402
    read_product_sentences,
    read_rt_polarity,
    read_yelp,
    read_yelp_rewrites,
)
from unknot.models.data.shapes2d import Shapes2D  # noqa: E402
from unknot.models.data.splits import stratified_split  # noqa: E402
from unknot.models.data.sprites import Sprites  # noqa: E402
from unknot.models.data.stream import stream  # noqa: E402
from unknot.models.data.street import Street  # noqa: E402
from unknot.models.data.street_digits import StreetDigits  # noqa: E402
from unknot.models.data.svhn import read_svhn  # noqa: E402
from unknot.models.data.teapots import Teapots  # noqa: E402
from unknot.models.data.valence import read_valence  # noqa: E402
from unknot.models.data.video_files import OwnVideos, read_videos  # noqa: E402
from unknot.models.data.videos import CharacterActions, ShapeMotion  # noqa: E402
from unknot.models.image.ada_gvae import AdaGVAE  # noqa: E402
from unknot.models.image.bottleneck_classifiers import PairedClassifier, SingleClassifier  # noqa: E402
from unknot.models.image.capacity import CapacityVAE  # noqa: E402
from unknot.models.image.classifier import Classifier  # noqa: E402
from unknot.models.image.competition import CompetingExperts, Repaired  # noqa: E402
from unknot.models.image.dip import DIPVAE  # noqa: E402
from unknot.models.image.embedding import Embedding  # noqa: E402
from unknot.models.image.factor import FactorVAE  # noqa: E402
from unknot.models.image.factor_generator import FactorGenerator  # noqa: E402
from unknot.models.image.factor_reader import FactorReader  # noqa: E402
from unknot.models.image.infogan import InfoGAN  # noqa: E402
from unknot.models.image.jade import JADE  # noqa: E402
from unknot.models.image.jade_decoder import JADEDecoder  # noqa: E402
from unknot.models.image.pca import PCA  # noqa: E402
from unknot.models.image.penalised_autoencoder import PenalisedAutoencoder  # noqa: E402
from unknot.models.image.routed import RoutedExperts  # noqa: E402
from unknot.models.image.sdbegan import SDBEGAN  # noqa: E402
from unknot.models.image.sdgan import SDGAN  # noqa: E402
from unknot.models.image.switch import SwitchExperts  # noqa: E402
from unknot.models.image.tc import BetaTCVAE  # noqa: E402
from unknot.models.image.vae import VAE, PosteriorSamples, VariationalAutoencoder  # noqa: E402
from unknot.models.image.verifier import Verifier  # noqa: E402
from unknot.models.objects.multi_entity import MultiEntityVAE  # noqa: E402
from unknot.models.objects.slot_attention import SlotAttention  # noqa: E402
from unknot.models.objects.whole_scene import SceneVAE  # noqa: E402
from unknot.models.stacked import StackedNetworks  # noqa: E402
from unknot.models.text.arae import ARAE  # noqa: E402
from unknot.models.text.attribute_transfer import AttributeTransfer  # noqa: E402
from unknot.models.text.autoencoder import SentenceAutoencoder  # noqa: E402
from unknot.models.text.batches import length_batches  # noqa: E402
from unknot.models.text.classifier import SentenceClassifier  # noqa: E402
from unknot.models.text.cross_aligned import CrossAlignedAutoencoder  # noqa: E402
from unknot.models.text.denoising import DenoisingAdversarialAutoencoder  # noqa: E402
from unknot.models.text.language_model import LanguageModel  # noqa: E402
from unknot.models.text.multitask import MultitaskAutoencoder  # noqa: E402
from unknot.models.text.traversal import MMDTraversal  # noqa: E402
from unknot.models.text.vocabulary import Vocabulary, tokenised  # noqa: E402
from unknot.models.traversals import Codec, traversal_figure, traversal_frames, traverse  # noqa: E402
from unknot.models.video.independent_predictor import IndependentPredictor  # noqa: E402
from unknot.models.video.mocogan import MoCoGAN  # noqa: E402
from unknot.models.video.sequential_vae import SequentialVAE  # noqa: E402
from unknot.models.video.vgan import VGAN  # noqa: E402

__all__ = [
    "ARAE",
    "DIPVAE",
    "JADE",
    "MECHANISMS",
    "PCA",
    "SDBEGAN",
    "SDGAN",
    "VAE",
    "VGAN",
    "AdaGVAE",
    "AttributeTransfer",
    "BetaTCVAE",
    "Blob",
    "CapacityVAE",
    "CharacterActions",
    "Characters",
    "Classifier",
    "Codec",
    "CompetingExperts",
    "CrossAlignedAutoencoder",
    "DenoisingAdversarialAutoencoder",
    "Embedding",
    "FactorGenerator",
    "FactorReader",
    "FactorVAE",
    "Gallery",
    "IndependentPredictor",
    "InfoGAN",
    "JADEDecoder",
    "LanguageModel",
    "MMDTraversal",
    "MoCoGAN",
    "MovingDigits",
    "MultiEntityVAE",
    "MultitaskAutoencoder",
    "Nuisance",
    "OwnVideos",
    "PairedClassifier",
    "PenalisedAutoencoder",
    "PosteriorSamples",
    "RenderedHeads",
    "Repaired",
    "Reviews",
    "RoutedExperts",
    "SceneVAE",
    "Scenes",
    "Selection",
    "SentenceAutoencoder",
    "SentenceClassifier",
    "SequentialVAE",
    "ShapeMotion",
    "Shapes2D",
    "SingleClassifier",
    "SlotAttention",
    "Sprites",
    "StackedNetworks",
    "Street",
    "StreetDigits",
    "SwitchExperts",
    "Teapots",
    "Transformed",
    "VariationalAutoencoder",
    "Verifier",
    "Vocabulary",
    "apply_mechanism",
    "length_batches",
    "letters",
    "natural_images",
    "read_dsprites",
    "read_europarl",
    "read_help_pages",
    "read_images",
    "read_multi30k",
    "read_product_sentences",
    "read_rt_polarity",
    "read_shapes3d",
    "read_svhn",
    "read_valence",
    "read_videos",
    "read_yelp",
    "read_yelp_rewrites",
    "render_gallery",
    "stratified_split",
    "stream",
    "tokenised",
    "traversal_figure",
    "traversal_frames",
    "traverse",
]
